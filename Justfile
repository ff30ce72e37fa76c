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

# Render the quickstart and say what came out
demo:
    tts-cli render manifests/quickstart.yaml

# Measure: cold run, mastering, nothing to do
bench *ARGS:
    tts-cli bench pipeline {{ARGS}}
