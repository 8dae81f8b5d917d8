"""The look of the pictures. `plots.py` draws them."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, GREY, RED = "#2563eb", "#64748b", "#dc2626"
DOTS_PER_INCH = 110


def new_figure(width: float, height: float) -> Figure:
    """Make a figure that needs no screen and no global state; width and height in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
