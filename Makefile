# make test: everything, as CI runs it. What it needs beside Go it sets up first, or says what is missing.
.PHONY: test setup lint build fuzz bench

build:
	go build -trimpath -o bin/hebian ./cmd/hebian

test: setup lint
	@.ci/test

setup:
	@.ci/setup

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-clean: $$unformatted"; exit 1; fi
	go vet ./...
	go tool -modfile=.ci/tools/go.mod staticcheck ./...

# Each fuzz target for a short while; CI runs the seeds as part of the tests.
fuzz:
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$target/*_test.go | cut -c6-); do \
			echo "$$target $$f"; go test -run='^$$' -fuzz="^$$f$$" -fuzztime=10s ./$$target || exit 1; \
		done; done

bench:
	go test -run='^$$' -bench=. -benchmem ./...
