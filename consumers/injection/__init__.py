"""The injector: labelled synthetic spikes into the live path, and whether the detector saw them."""
