# Every target forwards to an npm script; `npm run` lists them all.
.PHONY: dev clean test check bench soak generate

dev: ## the whole platform on this machine
	npm start

clean: ## delete all data and everything that was built
	npm run clean

test: ## every check and every test
	npm test

check: ## types, lint, format, generated text, dead code
	npm run check

bench: ## measure
	npm run bench

soak: ## end-to-end tests with more load
	npm run soak

generate: ## renew generated text
	npm run generate
