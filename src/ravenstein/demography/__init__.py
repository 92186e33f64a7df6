"""Demography: ages, life tables, rates, smoothing, schedules, raking, rounding, gross flows."""
