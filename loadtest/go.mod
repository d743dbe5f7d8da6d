module github.com/formstream/formstream/loadtest

go 1.26.0

require (
	github.com/formstream/formstream/pkg v0.0.0
	github.com/formstream/formstream/pkgtest v0.0.0
	github.com/formstream/formstream/services/sheets-consumer v0.0.0
	github.com/formstream/formstream/services/sheets-flusher v0.0.0
)

replace (
	github.com/formstream/formstream/pkg => ../pkg
	github.com/formstream/formstream/pkgtest => ../pkgtest
	github.com/formstream/formstream/services/sheets-consumer => ../services/sheets-consumer
	github.com/formstream/formstream/services/sheets-flusher => ../services/sheets-flusher
)
