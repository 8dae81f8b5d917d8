"""The computed features: small named functions of whole columns, and one table that declares them.

Training and the service call the same functions. Each takes numpy arrays of shape (rows,), NaN where a value is
missing, and returns one. A recipe is used where the columns that it needs are there: on other data than flights, most
are not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

EARTH_RADIUS_KM = 6371.0088  # mean radius (IUGG)
KM_PER_MILE = 1.609344
MINUTES_PER_DAY = 24 * 60
DAYS_PER_YEAR = 365.2425
# Time on the ground that a schedule holds, and cruising speed: what is left of a schedule is slack.
TAXI_MINUTES, CRUISE_KMH = 30, 780
FREEZING_F = 32

# Stands for the time column, whatever it is called.
TIME = "(time)"


@dataclass(frozen=True)
class Recipe:
    """A computed feature.

    Attributes:
        name: Of the feature.
        group: Features of one group are left out together in the ablation, and explained together.
        needs: The columns that are handed to the function, in order.
        compute: The function.
    """

    name: str
    group: str
    needs: tuple[str, ...]
    compute: Callable[..., Floats]


def whole(span: NDArray[np.timedelta64], unit: str) -> Floats:
    """Return a span of time in whole units: `m` for minutes, `D` for days."""
    return span.astype(f"timedelta64[{unit}]").astype(np.float64)


# ---------------------------------------------------------------- calendar


def minute_of_day(time: Times) -> Floats:
    """Minutes since midnight."""
    return whole(time - time.astype("datetime64[D]"), "m")


def weekday(time: Times) -> Floats:
    """Day of the week: 0 is Monday."""
    days = time.astype("datetime64[D]").astype(np.float64)
    return (days + 3) % 7  # day 0, 1970-01-01, was a Thursday


def day_of_year(time: Times) -> Floats:
    """Days since the first of January."""
    return whole(time.astype("datetime64[D]") - time.astype("datetime64[Y]"), "D")


def month(time: Times) -> Floats:
    """Month, from 1."""
    return time.astype("datetime64[M]").astype(np.float64) % 12 + 1


def day_of_month(time: Times) -> Floats:
    """Day of the month, from 1."""
    return whole(time.astype("datetime64[D]") - time.astype("datetime64[M]"), "D") + 1


def hour_sin(time: Times) -> Floats:
    """Sine of the hour on a circle of 24 hours: 23:50 and 0:10 are near each other."""
    return np.sin(2 * np.pi * minute_of_day(time) / MINUTES_PER_DAY)


def hour_cos(time: Times) -> Floats:
    """Cosine of the same: only both together tell morning from evening."""
    return np.cos(2 * np.pi * minute_of_day(time) / MINUTES_PER_DAY)


def year_sin(time: Times) -> Floats:
    """Sine of the day on the circle of a year: December and January are near each other."""
    return np.sin(2 * np.pi * day_of_year(time) / DAYS_PER_YEAR)


def year_cos(time: Times) -> Floats:
    """Cosine of the same."""
    return np.cos(2 * np.pi * day_of_year(time) / DAYS_PER_YEAR)


# ---------------------------------------------------------------- the route


def great_circle_km(latitude_1: Floats, longitude_1: Floats, latitude_2: Floats, longitude_2: Floats) -> Floats:
    """Shortest distance on the globe, in km, by the haversine formula (Sinnott 1984); arguments in degrees."""
    phi_1, phi_2 = np.radians(latitude_1), np.radians(latitude_2)
    half_phi = (phi_2 - phi_1) / 2
    half_lambda = np.radians(longitude_2 - longitude_1) / 2
    chord = np.sin(half_phi) ** 2 + np.cos(phi_1) * np.cos(phi_2) * np.sin(half_lambda) ** 2
    angle: Floats = 2 * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))
    return EARTH_RADIUS_KM * angle


def scheduled_minutes(time: Times, arrival_hhmm: Floats, zone_from: Floats, zone_to: Floats) -> Floats:
    """Scheduled time from gate to gate, in minutes.

    Args:
        time: Scheduled departure, local time.
        arrival_hhmm: Scheduled arrival, local time there, as in 1455.
        zone_from: Hours from UTC at the departure.
        zone_to: The same at the arrival; both places change to summer time on the same day, or nearly so.
    """
    arrival = arrival_hhmm // 100 * 60 + arrival_hhmm % 100
    return (arrival - minute_of_day(time) - 60 * (zone_to - zone_from)) % MINUTES_PER_DAY


def slack_minutes(minutes: Floats, miles: Floats) -> Floats:
    """Minutes that the schedule allows beyond taxiing and flying: a buffer against delay."""
    return minutes - TAXI_MINUTES - 60 * miles * KM_PER_MILE / CRUISE_KMH


# ---------------------------------------------------------------- the aircraft


def aircraft_age(time: Times, year_built: Floats) -> Floats:
    """Age in years."""
    return time.astype("datetime64[Y]").astype(np.float64) + 1970 - year_built


# ---------------------------------------------------------------- the weather


def wind_east(degrees: Floats, speed: Floats) -> Floats:
    """The part of the wind that comes from the east; a direction alone jumps from 360 to 0 in the north."""
    return speed * np.sin(np.radians(degrees))


def wind_north(degrees: Floats, speed: Floats) -> Floats:
    """The part of the wind that comes from the north."""
    return speed * np.cos(np.radians(degrees))


def dew_point_spread(temperature: Floats, dew_point: Floats) -> Floats:
    """Temperature minus dew point: near zero there is fog."""
    return temperature - dew_point


def freezing_rain(temperature: Floats, rain: Floats) -> Floats:
    """Precipitation at or below the freezing point: wings must be de-iced."""
    return np.where(np.isnan(temperature), np.nan, rain * (temperature <= FREEZING_F))


# ---------------------------------------------------------------- the declaration

RECIPES = (
    Recipe("minute_of_day", "calendar", (TIME,), minute_of_day),
    Recipe("weekday", "calendar", (TIME,), weekday),
    Recipe("hour_sin", "calendar", (TIME,), hour_sin),
    Recipe("hour_cos", "calendar", (TIME,), hour_cos),
    Recipe("year_sin", "calendar", (TIME,), year_sin),
    Recipe("year_cos", "calendar", (TIME,), year_cos),
    Recipe("great_circle_km", "route", ("origin_lat", "origin_lon", "dest_lat", "dest_lon"), great_circle_km),
    Recipe("scheduled_minutes", "route", (TIME, "sched_arr_time", "origin_tz", "dest_tz"), scheduled_minutes),
    Recipe("slack_minutes", "route", ("scheduled_minutes", "distance"), slack_minutes),
    Recipe("aircraft_age", "plane", (TIME, "plane_year"), aircraft_age),
    Recipe("wind_east", "weather", ("weather_wind_dir", "weather_wind_speed"), wind_east),
    Recipe("wind_north", "weather", ("weather_wind_dir", "weather_wind_speed"), wind_north),
    Recipe("dew_point_spread", "weather", ("weather_temp", "weather_dewp"), dew_point_spread),
    Recipe("freezing_rain", "weather", ("weather_temp", "weather_precip"), freezing_rain),
)

# A time as it would stand in a raw table, for the baselines that see no computed feature.
RAW_TIME = (
    Recipe("month", "raw", (TIME,), month),
    Recipe("day", "raw", (TIME,), day_of_month),
    Recipe("minute", "raw", (TIME,), minute_of_day),
)

BY_NAME = {recipe.name: recipe for recipe in (*RECIPES, *RAW_TIME)}


def apply(names: list[str], columns: dict[str, NDArray[Any]]) -> None:
    """Compute recipes in the order of the declaration and add them to the columns.

    Args:
        names: Of the recipes that are wanted.
        columns: The rows, column by column; holds what the recipes need.
    """
    for recipe in BY_NAME.values():
        if recipe.name in names:
            with np.errstate(invalid="ignore"):  # comparisons with NaN are meant
                columns[recipe.name] = recipe.compute(*(columns[name] for name in recipe.needs))


def available(recipes: tuple[Recipe, ...], columns: set[str]) -> list[Recipe]:
    """Return the recipes whose columns are there, or are computed by a recipe before them.

    Where the table has a column of the same name, the column is meant.
    """
    known, usable = set(columns), []
    for recipe in recipes:
        if set(recipe.needs) <= known and recipe.name not in columns:
            usable.append(recipe)
            known.add(recipe.name)
    return usable
