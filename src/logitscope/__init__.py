"""Logitscope."""
