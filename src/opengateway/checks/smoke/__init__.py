"""Live checks of provider x model x feature through the public API, as a caller makes them."""
