"""Weekly series: what Farrington Flexible does, with the course of an outbreak and calibrated odds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]

COURSE = (0.5, 0.42, 0.07)
"""Share of an outbreak's cases in each week from its first on: delays lognormal(0, 0.5) (Noufaily et al. 2013)."""
LEAST_RATIO = 1.02
"""Variance over mean that counts have at least: the negative binomial has no limit of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklySettings:
    """Constants of the weekly detector; ridges are precisions of the coefficients, in units of a year's log change."""

    weeks_a_year: float = 52.0
    """Period of the season. Tables that number their weeks have 52 a year, weeks without a gap 52.18."""
    ages: tuple[float, ...] = (0.88, 0.09, 0.03)
    """Prior that an outbreak began this week, the last, the one before: the first finds early, the others hold on."""
    sizes: tuple[float, ...] = (2.0, 4.0, 8.0)
    """Cases of an outbreak, in standard deviations of a week."""
    ridge: tuple[float, ...] = (1e-3, 20.0, 4.0, 4.0, 8.0, 8.0)
    least_dispersion: float = 1.0
    dispersion_prior: float = 4.0
    """Weeks with an incident that the prior dispersion of 1.3 is worth."""
    outlier: float = 2.58
    """Anscombe residual above which a past week counts less (Noufaily et al. 2013, section 3.3)."""
    left_out: int = 2
    """Newest weeks that the fit does not see."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of each series and week ahead: mean, and variance with that of the parameters; [series, weeks]."""

    mean: Floats
    variance: Floats
    dispersion: Floats


class WeeklyModel:
    """
    Negative binomial regression of many weekly series at once: level, trend and two yearly harmonics, ridge-shrunk.

    Quasi-likelihood with variance phi mu (Noufaily et al. 2013, equation 1), all past weeks, weights that fade past
    outbreaks, fitted by iteratively reweighted least squares from the last fit on.
    """

    def __init__(self, series: int, settings: WeeklySettings | None = None) -> None:
        self._settings = settings or WeeklySettings()
        self._beta = np.zeros((series, 6))
        self._fitted = False

    def forecast(self, counts: Floats, ahead: int) -> Forecast:
        """Fit *counts*, [series, weeks], and forecast the *ahead* weeks after those left out."""
        past = counts[:, : counts.shape[1] - self._settings.left_out]
        columns, future = _columns(past.shape[1], ahead, self._settings.weeks_a_year)
        if not self._fitted:
            self._beta[:, 0] = np.log(past.mean(axis=1) + 0.1)
        weights = np.ones_like(past)
        for _ in range(3 if self._fitted else 12):
            mean, covariance = self._step(past, columns, weights)
            dispersion = self._dispersion(past, mean, weights)
            weights = self._weights(past, mean, dispersion)
        self._fitted = True
        expected = np.exp(np.clip(self._beta @ future.T, -12.0, 12.0))
        spread = np.einsum("tj,sjk,tk->st", future, covariance, future) * dispersion[:, None]
        variance = dispersion[:, None] * expected + np.minimum(spread, 1.0) * expected**2
        return Forecast(expected, variance, dispersion)

    def _step(self, past: Floats, columns: Floats, weights: Floats) -> tuple[Floats, Floats]:
        linear = np.clip(self._beta @ columns.T, -12.0, 12.0)
        mean = np.exp(linear)
        power = weights * mean
        cross = (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), -1)
        normal = (power @ cross).reshape(len(past), 6, 6) + np.diag(self._settings.ridge)
        right = (power * (linear + (past - mean) / mean)) @ columns
        right += np.array(self._settings.ridge) * np.eye(6)[0] * self._beta[:, :1]
        covariance: Floats = np.asarray(np.linalg.inv(normal), dtype=np.float64)
        self._beta = np.einsum("sjk,sk->sj", covariance, right)
        return np.exp(np.clip(self._beta @ columns.T, -12.0, 12.0)), covariance

    def _dispersion(self, past: Floats, mean: Floats, weights: Floats) -> Floats:
        """Weighted Pearson dispersion, shrunk to 1.3 by a few informative weeks."""
        settings = self._settings
        squares = (weights * (past - mean) ** 2 / mean).sum(axis=1)
        size = np.maximum(weights.sum(axis=1) - 6.0, 1.0)
        share = size * np.minimum(mean.mean(axis=1), 1.0)
        raw = np.minimum(squares / size, 20.0)
        answer: Floats = (raw * share + 1.3 * settings.dispersion_prior) / (share + settings.dispersion_prior)
        return np.maximum(answer, settings.least_dispersion)

    def _weights(self, past: Floats, mean: Floats, dispersion: Floats) -> Floats:
        """Weights that fade weeks whose Anscombe residual is above the limit, as residual^-2, scaled at the limit."""
        residual = 1.5 * (past ** (2 / 3) - mean ** (2 / 3)) / (mean ** (1 / 6) * np.sqrt(dispersion)[:, None])
        limit = self._settings.outlier
        return np.where(residual > limit, (limit / np.maximum(residual, limit)) ** 2, 1.0)


def _columns(weeks: int, ahead: int, year: float) -> tuple[Floats, Floats]:
    """Design of the past and of the future; time in years of *year* weeks from the newest week of the past."""
    time = (np.arange(weeks + ahead) - (weeks - 1)) / year
    angle = 2 * np.pi * time
    waves = (np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle))
    columns = np.column_stack((np.ones(len(time)), time, *waves))
    return columns[:weeks], columns[weeks:]


def statistic(counts: Floats, forecast: Forecast, settings: WeeklySettings) -> Floats:
    """
    Log of the mixture likelihood ratio of an outbreak of some size that began 0, 1 or 2 weeks ago; [...].

    With n_t the count, m_t the forecast, s_t = sqrt(phi m_t), f the course and k a size:

        log sum_age p(age) mean_k prod_j NB(n_t'; m_t' + f_j k s_t', v_t' + f_j k s_t') / NB(n_t'; m_t', v_t'),

    t' = t - age + j, j = 0..age: cases are added to the weeks they fall in, as Poisson counts (Hoehle & Paul, 2008, for
    the ratio; the mixture over onsets as Shiryaev and Roberts). counts: [..., 3], the newest last; means and variances
    alike.
    """
    mean, variance = forecast.mean, forecast.variance
    unit = np.sqrt(forecast.dispersion[..., None] * mean)
    usual = _log_chance(counts, mean, variance)
    total = np.full(counts.shape[:-1], -np.inf)
    for size in settings.sizes:
        added = [share * size * unit for share in COURSE]
        gains = [_log_chance(counts, mean + more, variance + more) - usual for more in added]
        for age, prior in enumerate(settings.ages):
            gain = np.add.reduce([gains[week][..., week - age - 1] for week in range(age + 1)])
            total = np.logaddexp(total, gain + np.log(prior / len(settings.sizes)))
    return total


def _log_chance(count: Floats, mean: Floats, variance: Floats) -> Floats:
    """Log of the negative binomial chance of *count*, of this mean and variance, but for ln(count!)."""
    ratio = np.maximum(variance / mean, LEAST_RATIO)
    size = mean / (ratio - 1.0)
    answer: Floats = gammaln(count + size) - gammaln(size) - size * np.log(ratio) + count * np.log1p(-1.0 / ratio)
    return answer


class NullTable:
    """
    Tail of the statistic where nothing happens, by mean and dispersion, from simulated weeks.

    One threshold on the raw statistic alarms unevenly over sparse and over very noisy series; the tail probability
    does not. Quantiles are laid down on a grid of means and dispersions and interpolated.
    """

    MEANS = np.exp(np.linspace(np.log(0.03), np.log(300.0), 22))
    RATIOS = np.array([LEAST_RATIO, 1.2, 1.5, 2.0, 3.0, 4.5, 6.5, 10.0])
    TAILS = np.array([0.3, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.0005])

    def __init__(self, settings: WeeklySettings, rng: np.random.Generator, draws: int = 20_000) -> None:
        self._levels = np.log10(self.TAILS)
        self._quantiles = np.zeros((len(self.MEANS), len(self.RATIOS), len(self.TAILS)))
        for i, mean in enumerate(self.MEANS):
            for j, ratio in enumerate(self.RATIOS):
                size = mean / (ratio - 1.0)
                weeks = rng.negative_binomial(size, 1.0 / ratio, (draws, 3)).astype(np.float64)
                flat = np.full((draws, 3), mean)
                values = statistic(weeks, Forecast(flat, ratio * flat, np.full(draws, ratio)), settings)
                values = values + 1e-6 * rng.uniform(size=draws)
                self._quantiles[i, j] = np.quantile(values, 1.0 - self.TAILS)

    def surprise(self, values: Floats, means: Floats, ratios: Floats) -> Floats:
        """Minus log10 of the chance of a statistic at least this high, by bilinear interpolation of the quantiles."""
        x = np.interp(np.log(means), np.log(self.MEANS), np.arange(len(self.MEANS)))
        y = np.interp(np.log(ratios), np.log(self.RATIOS), np.arange(len(self.RATIOS)))
        i, j = np.minimum(x.astype(int), len(self.MEANS) - 2), np.minimum(y.astype(int), len(self.RATIOS) - 2)
        u, v = (x - i)[:, None], (y - j)[:, None]
        grid = self._quantiles
        near = (1 - u) * ((1 - v) * grid[i, j] + v * grid[i, j + 1])
        curve = near + u * ((1 - v) * grid[i + 1, j] + v * grid[i + 1, j + 1])
        return -_along(curve, values, self._levels)


def _along(curve: Floats, values: Floats, levels: Floats) -> Floats:
    """*levels* at *values* along each row of *curve* (rising), by straight lines, carried on at both ends."""
    place = np.clip((curve[:, 1:-1] <= values[:, None]).sum(axis=1), 0, curve.shape[1] - 2)
    rows = np.arange(len(values))
    low, high = curve[rows, place], curve[rows, place + 1]
    part = (values - low) / np.maximum(high - low, 1e-3)
    answer: Floats = levels[place] + np.clip(part, -3.0, 12.0) * (levels[place + 1] - levels[place])
    return answer


def weekly_surprise(
    counts: Floats, first: int, rng: np.random.Generator, settings: WeeklySettings | None = None
) -> Floats:
    """
    Surprise (minus log10 of the chance where nothing happens) of each week from *first* on, [series, weeks - first].

    Each week is judged by data up to its end, refitted weekly. counts: [series, weeks].
    """
    settings = settings or WeeklySettings()
    model, table = WeeklyModel(len(counts), settings), NullTable(settings, rng)
    answers = []
    for week in range(first, counts.shape[1]):
        seen = counts[:, : week + 1]
        forecast = model.forecast(seen[:, :-1], settings.left_out + 1)
        values = statistic(seen[:, -3:], forecast, settings)
        ratios = forecast.variance[:, -1] / forecast.mean[:, -1]
        answers.append(table.surprise(values, forecast.mean[:, -1], ratios))
    return np.stack(answers, axis=1)
