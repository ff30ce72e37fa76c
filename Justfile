# Everything a developer runs; `just` alone checks all.
default: check

# Install the tool and what its tests need
install:
    pip install -e ".[dev]"

# Lint, types, import layers and tests
check: lint types layers test

# Run the tests; arguments go to pytest
test *ARGS:
    pytest {{ARGS}}

# Run the tests as CI does: Hypothesis tries the same examples every time
test-ci *ARGS:
    CI=1 pytest {{ARGS}}

# Run the tests, and say which lines and branches none of them reaches
cover *ARGS:
    pytest --cov --cov-report=term:skip-covered --cov-report=html {{ARGS}}

# Style and errors
lint:
    ruff check .
    ruff format --check .

# Static types
types:
    mypy

# Who may import whom
layers:
    lint-imports

# Everything that pre-commit runs, on all files
hooks:
    pre-commit run --all-files

# Write the tables of the documentation that follow from the code
docs:
    python docs/tables.py

# Pin again what developers use
lock:
    uv lock

# Make the speech of tests/data anew
speech:
    python tests/data/make.py

# Render the quickstart and say what came out
demo:
    tts-cli render manifests/quickstart.yaml

# Measure: cold run, mastering, nothing to do
bench *ARGS:
    tts-cli bench pipeline {{ARGS}}
