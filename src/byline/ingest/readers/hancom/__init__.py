"""Files of Hancom Office: HWP 5 and HWPX."""
