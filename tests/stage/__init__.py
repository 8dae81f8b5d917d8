"""Tests that build a stage in a fresh environment and use it as its owner would."""
