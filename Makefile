# The course's commands. `make run` and `make test` need nothing but Python 3.11+ and make; both make .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two torch processes with default threads spin against each other, so the tests give each one thread.
ONE_THREAD := OMP_NUM_THREADS=1
# Tests in the order of tests/conftest.py; those that share a lesson's run, a book or a server go to one worker.
# WORKERS=6 on a machine of six cores or more: a worker takes one core and up to 2 GB.
WORKERS ?= 2
PYTEST = $(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run test test-fast browser rerun fuzz lab app book slides notebooks full weights readme screenshot bench lint constraints clean

run: $(VENV)/.notebooks  ## execute lesson 01, or that of LESSON=02
	$(BIN)/ecgnb run $(or $(LESSON),01)

test: lint  ## before a change goes in: ten minutes; CI also does what `make browser`, `rerun` and `fuzz` do
	$(PYTEST) -m "not rerun and not browser"

browser: $(VENV)/.test  ## app, lab, book, slides and the page that reads an ECG are opened in Chromium and used
	$(PYTEST) -m browser

rerun: $(VENV)/.test  ## each lesson by papermill in smoke size, the claims of 01 to 05 and 09 measured again on real data
	$(PYTEST) -m rerun

test-fast: $(VENV)/.test  ## for daily work, within two minutes: no lesson is executed, no browser opened
	$(PYTEST) -m "not slow"

fuzz: $(VENV)/.test  ## each parser on inputs that nobody would write: a minute or so each; FUZZ=2000 for an hour
	ECGNB_FUZZ=$(or $(FUZZ),40) $(PYTEST) -m fuzz

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lab: $(VENV)/.notebooks  ## step through the lessons in JupyterLab
	$(BIN)/jupyter lab notebooks

app: $(VENV)/.app  ## read an ECG in the browser, on this computer alone
	$(BIN)/ecgnb app

book: $(VENV)/.book  ## build the course as a site: build/book/index.html; npm brings what one page of it needs
	$(BIN)/sphinx-build -q -W -b html notebooks build/book

slides: $(VENV)/.book  ## each lesson as slides with notes, for a lecture: build/slides/index.html; npm brings reveal.js
	$(BIN)/python -m ecgnb.course.lecture build/slides

notebooks: $(VENV)/.test  ## re-execute the notebooks whose code changed, and refresh the numbers in text and README
	$(BIN)/python -m ecgnb.course.authoring notebooks

full: $(VENV)/.test  ## record every lesson's smoke and full profile (over an hour; LESSON=02: of one), then refresh the numbers
	$(BIN)/python -m ecgnb.course.authoring record $(LESSON)

weights: $(VENV)/.test  ## make all that comes with the package anew: the default runs of lessons 02, 06 and 07, the networks of waves and of twelve leads
	$(BIN)/python -m ecgnb.course.authoring weights
	$(BIN)/python -m ecgnb.course.authoring waves
	$(BIN)/python -m ecgnb.course.authoring twelve

readme: $(VENV)/.test  ## refresh the numbers in README and lessons from the committed runs
	$(BIN)/python -m ecgnb.course.authoring readme

screenshot: $(VENV)/.test  ## take the pictures of the app, that lesson 05 shows, and of the book's page that reads an ECG
	ECGNB_SCREENSHOT=$(CURDIR)/notebooks/images/05_app.png $(BIN)/python -m pytest -q tests/app/test_app_browser.py -k picture
	ECGNB_SCREENSHOT=$(CURDIR)/notebooks/images/browser_page.png $(BIN)/python -m pytest -q tests/app/test_browser_page.py -k picture

bench: $(VENV)/.test  ## how much faster our way is than the plain one, as ratios (LESSON=05: of one; LESSON=sweeps)
	$(BIN)/python tests/bench.py $(LESSON)

constraints: $(VENV)/.test  ## write down the versions that are installed now (torch is bounded in pyproject.toml)
	$(BIN)/python -m pip freeze --exclude-editable --exclude torch > constraints.txt

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than Python 3.11; call: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "make: $(PYTHON) cannot make a virtual environment; on Debian install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.notebooks: $(VENV)/.made pyproject.toml constraints.txt
	@echo "installing the course into $(VENV) (a few minutes the first time)"
	$(INSTALL) -e '.[notebooks,export,edf,sweep]'
	@touch $@

$(VENV)/.app: $(VENV)/.notebooks
	$(INSTALL) -e '.[notebooks,export,edf,sweep,app]'
	@touch $@

$(VENV)/.book: $(VENV)/.app
	$(INSTALL) -e '.[notebooks,export,edf,sweep,app,book]'
	@touch $@

$(VENV)/.test: $(VENV)/.book
	$(INSTALL) -e '.[notebooks,export,edf,sweep,app,book,test]'
	@touch $@
