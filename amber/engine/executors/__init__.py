"""Where steps are computed; so far on this machine."""
