# Two commands do everything: `make demo` shows it, `make test` tests it.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SOURCES := connectors models stream

.PHONY: help demo install test test-long test-all check format hooks bench bench-bursts bench-consoles bench-drafts bench-incidents bench-runs bench-triage bench-topics bench-words bench-lexicon bench-personal bench-against bench-growth bench-workers bench-naive bench-postgres image image-test sbom clean chromium screenshots bench-queue soak pins

help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: install ## A made-up day, from tweets to tickets, on the embedded parts
	@$(BIN)/earshot demo

install: $(VENV)/.installed ## Only .venv with the runtime

# Every process of the tests would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

# Files of tests run side by side, the longest first: each process has a PostgreSQL of its own. One
# more than two cores, for some wait: for workers to start, for a group of Kafka's to settle.
PROCESSES ?= 3
# The examples that are tried hang together with the order of sets: the same ones each time.
TRIED = $(if $(EXPLORE),,PYTHONHASHSEED=0)
PYTEST = $(TRIED) $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations 10

# The files that hold a long test: each process of a run that wants no other reads these alone.
LONG = $(shell grep -rlE --include='test_*.py' 'mark\.long' tests | sort)

test: $(VENV)/.tested chromium ## Every promise, in about ten minutes
	$(PYTEST) -m "not long"

test-long: $(VENV)/.tested chromium ## What takes minutes each: 20,000 events under kills, Apache Kafka, several processes that train
	$(PYTEST) -m "long and not by_hand" $(LONG)

# EXPLORE=1 tries other examples than the ones that every run tries.
test-all: test ## All of it, also what says little more and takes long: 100,000 events, kills in order
	$(PYTEST) -m long $(LONG)

check: $(VENV)/.tested ## Lint, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

format: $(VENV)/.tested ## Lay the code out
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Airline tweets where the public data set is at hand, the demo day's texts otherwise.
TWEETS ?= $(wildcard ../shared/data/tweets/airline/Tweets.csv)

hooks: $(VENV)/.tested ## Have git check what is staged before it is committed
	git config core.hooksPath .githooks

bench: install ## Throughput, latency, stages and memory, of the stream and of REST; also bench.json
	$(BIN)/earshot bench --out bench.json $(if $(TWEETS),--data $(TWEETS))
	@echo "more for developers: make help, the lines that begin with bench-" >&2

SEED ?= 2

bench-bursts: install ## The burst rule on a simulated year with planted bursts (SEED=2)
	PYTHONPATH=tests $(BIN)/python -m benchmarks.bursts --seed $(SEED)

bench-incidents: $(VENV)/.tested ## Incidents of the demo day and of a week of tweets; SAMPLE=5 prints members of each
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.incidents --sample $(or $(SAMPLE),0) $(if $(TWEETS),--data $(TWEETS))

bench-runs: install ## What a run of the model costs by itself, in tokens
	PYTHONPATH=tests $(BIN)/python -m benchmarks.runs

bench-triage: $(VENV)/.tested ## Triage on real messages that readers labelled, where the public sets are at hand
	PYTHONPATH=tests $(BIN)/python -m benchmarks.triage

bench-topics: $(VENV)/.tested ## Topics and problems named of real messages that readers labelled, held out
	PYTHONPATH=tests $(BIN)/python -m benchmarks.topics

bench-words: $(VENV)/.tested ## Words shown for a problem, against those that a reader underlined (HALF=heldout SAMPLE=0)
	PYTHONPATH=tests $(BIN)/python -m benchmarks.words --half $(or $(HALF),heldout) --sample $(or $(SAMPLE),0)

bench-lexicon: $(VENV)/.tested ## Precision of each group of the thesaurus on labelled messages, written beside it
	PYTHONPATH=tests $(BIN)/python -m benchmarks.lexicon --write

RATE ?= 40
DURATION ?= 40

bench-personal: $(VENV)/.tested ## Redaction on written samples, and on real messages where the public sets are at hand
	PYTHONPATH=tests $(BIN)/python -m benchmarks.personal $(if $(TEXTS),--texts $(TEXTS) --out personal.jsonl)

bench-drafts: $(VENV)/.tested ## Held-out messages with their drafts, to be read by a person: drafts.csv
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.drafts --out drafts.csv
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.drafts --trades --out drafts_trades.csv

bench-consoles: install ## A new P1 in 50 open consoles while the stream is busy (RATE=40 DURATION=40)
	PYTHONPATH=tests $(BIN)/python -m benchmarks.consoles --rate $(RATE) --seconds $(DURATION) $(if $(TWEETS),--data $(TWEETS))

FROM_TWEETS = $(if $(TWEETS),--data $(TWEETS))

bench-against: install ## The stream of this checkout against an older one, by turns (OLD=/path EVENTS=4000 ROUNDS=3)
	@test -n "$(OLD)" || { echo "say which checkout: make bench-against OLD=/path" >&2; exit 2; }
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.against --old $(OLD) --events $(or $(EVENTS),4000) --rounds $(or $(ROUNDS),3) $(FROM_TWEETS)

bench-growth: install ## What an event costs after many, in a long conversation, in a large incident (EVENTS=20000)
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.growth --events $(or $(EVENTS),20000) \
		--conversation $(or $(CONVERSATION),2000) --incident $(or $(INCIDENT),2000) $(FROM_TWEETS)

bench-workers: install ## Two workers on two pinned cores against one on one (EVENTS=4000 CORES=0,1)
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.workers --events $(or $(EVENTS),4000) --cores "$(if $(CORES),$(CORES),0,1)" $(FROM_TWEETS)

bench-naive: $(VENV)/.tested ## A naive loop on the same events: fp32 DistilBERT, a message at a time (EVENTS=200)
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.naive --events $(or $(EVENTS),200) $(FROM_TWEETS)

bench-postgres: install ## What one PostgreSQL bears, the model replaced by stored analyses (SAVERS=4 EVENTS=8000)
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.postgres --savers $(or $(SAVERS),4) --events $(or $(EVENTS),8000) $(FROM_TWEETS)
TICKETS_OPEN ?= 100000

bench-queue: $(VENV)/.tested chromium ## A queue of 100,000 open tickets: REST, search, the console (TICKETS_OPEN=100000)
	PYTHONPATH=tests $(BIN)/python -m benchmarks.full_queue --tickets $(TICKETS_OPEN)

# The console is tested in a real browser: Debian's, when we may install it.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing chromium for the console's tests" \
			&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| { echo "the tests of the console need Chromium: install it (Debian: apt-get install chromium)" >&2; exit 2; }

EVENTS ?= 20000
BROKERS ?= 3
SOAK ?= soak-$(EVENTS)-$(SEED)

soak: $(VENV)/.tested ## Events under kills of everything, on Apache Kafka, resumable (EVENTS=1000000 HOURS=8 SEED=2 BROKERS=3)
	PYTHONPATH=tests $(BIN)/python -m soak --events $(EVENTS) --seed $(SEED) --brokers $(BROKERS) \
		--folder $(SOAK) $(if $(HOURS),--hours $(HOURS)) $(if $(AWAY),--away $(AWAY)) $(if $(KILLS),--kills $(KILLS))

screenshots: $(VENV)/.tested chromium ## The README's pictures of the console, after a made-up week
	$(BIN)/python tests/screenshots.py

BUILD ?= docker build

image: ## The image of every role, earshot:latest (BUILD="podman build" with another tool)
	$(BUILD) -f deploy/Dockerfile -t earshot:latest .

RUN ?= docker run --rm --network host --read-only --tmpfs /tmp --tmpfs /var/lib/earshot:uid=10001,gid=10001

image-test: $(VENV)/.tested ## Each role of the image on a read-only root, and a worker stopped at work (RUN="podman run ...")
	EARSHOT_IMAGE_RUN="$(RUN)" $(BIN)/python -m pytest -s tests/acceptance/test_image.py

# Every file of each version that the runtime needs, for all platforms. torch and what tests need are
# pinned in constraints.txt without hashes: their builds differ by index.
# deploy/pins.txt is the same with the extras that an image may have.
IMAGE_EXTRAS = x otel oidc llm parquet
COMPILE = $(VENV)-pins/bin/uv pip compile pyproject.toml --constraint constraints.txt --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make pins" --quiet

pins: ## constraints.hashed.txt and deploy/pins.txt anew, from pyproject.toml and constraints.txt
	@test -x $(VENV)-pins/bin/uv || { $(PYTHON) -m venv $(VENV)-pins \
		&& $(VENV)-pins/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv; }
	$(COMPILE) --output-file constraints.hashed.txt
	$(COMPILE) $(addprefix --extra ,$(IMAGE_EXTRAS)) --output-file deploy/pins.txt

# In an environment of their own: what lists the packages is none of them.
sbom: install ## sbom.json (CycloneDX) and licences.md of what is installed
	@test -x $(VENV)-sbom/bin/cyclonedx-py || { $(PYTHON) -m venv $(VENV)-sbom \
		&& $(VENV)-sbom/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt cyclonedx-bom pip-licenses; }
	$(VENV)-sbom/bin/cyclonedx-py environment --output-reproducible --of JSON -o sbom.json $(BIN)/python
	$(VENV)-sbom/bin/pip-licenses --python=$(BIN)/python --format=markdown --with-urls --output-file=licences.md

clean: ## Away with what was built
	rm -rf $(VENV) $(VENV)-sbom $(VENV)-pins sbom.json licences.md build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# No file of the runtime is installed that is not one of those that were pinned.
HASHES ?= yes
ifeq ($(HASHES),no)
RUNTIME = $(PIP) -c constraints.txt -e .
else
RUNTIME = $(PIP) --require-hashes -r constraints.hashed.txt && $(PIP) --no-deps -e .
endif
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(VENV)/.installed: pyproject.toml constraints.txt constraints.hashed.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "earshot needs Python 3.11 to 3.13; say which: make PYTHON=python3.11 ..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing earshot into $(VENV)"
	@$(RUNTIME) || { echo "the runtime was not installed: if the index has other files than were pinned (constraints.hashed.txt)," \
		"make HASHES=no installs the same versions without comparing" >&2; exit 2; }
	@touch $@

# torch comes first and by its exact version: that is the build for CPUs, a range would fetch gigabytes of CUDA.
$(VENV)/.tested: $(VENV)/.installed
	@echo "installing what training and tests need"
	@$(PIP) -c constraints.txt torch==2.13.0
	@$(PIP) -c constraints.txt -e '.[train,dev,x,llm,oidc,otel,parquet]'
	@touch $@
