"""What a statistician may turn: windows, multipliers, half-lives, priors. One frozen value for each unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    Constants of the detector. Times in days unless the name says otherwise.

    Detection hardly depends on most of them (``docs/detection.md``); those that matter say why they stand as they do.
    """

    windows: tuple[int, ...] = (1, 2, 3, 6, 12, 24, 48, 72, 120, 168)
    multipliers: tuple[float, ...] = (1.6, 2.3, 3.5)
    set_sizes: tuple[int, ...] = (4,)
    joint: float = 0.3
    """Prior share of spikes that cover several neighbouring areas."""

    evenness: float = 0.35
    """Taken off the score for each factor e in an area's incidents: evens false alerts over quiet and busy areas."""

    profile_half_life: float = 280.0
    profile_prior: float = 6.0
    """Weight of the shared shapes in each hour of the week, in expected incidents."""
    shapes: int = 3
    level_half_life: float = 120.0
    level_prior: float = 0.5
    """Weight of the region's mean level in that of an area, in incidents."""
    drift_days: float = 25.0
    drift_variance: float = 0.001
    """Variance that a day adds to the short-run deviation of an area's level."""
    day_variance: float = 0.04
    clip: float = 2.0
    """Standard deviations beyond which a day's surplus teaches nothing."""
    noise_half_life: float = 600.0
    noise_inflation: float = 1.3
    """Makes up for the clipping of residuals at three standard deviations."""
    noise_shrink: float = 30.0
    calendar_prior: float = 40.0
    """Weight of the prior factor of a kind of day, in expected incidents."""
    spikes_a_day: float = 0.01
    """Prior chance that a spike starts in an area on a day, for taking spikes out of what is learnt."""
    spike_days: tuple[int, ...] = (1, 2, 3, 5, 7)
    hindsight: int = 14
    """Days looked at together when spikes are taken out."""
    lag: int = 7
    """Days after which a day is learnt for good; until then its corrections still count."""
    min_days: int = 28
    """Days of history before an area is scored."""
