"""The scripts that made the models in `src/logitscope/embedded`; anyone can run them again."""
