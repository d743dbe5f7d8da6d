module github.com/formstream/formstream/services/sheets-flusher

go 1.26

require github.com/formstream/formstream/pkg v0.0.0

replace github.com/formstream/formstream/pkg => ../../pkg
