"""The package of this project. Start reading at `train.py` (how the model is made) or `api.py` (how it is served)."""
