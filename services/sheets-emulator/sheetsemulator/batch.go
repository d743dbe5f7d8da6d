package sheetsemulator

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"reflect"
)

// maxRequests is Google's limit for one batchUpdate.
const maxRequests = 100_000

// NoMatch says what updateDeveloperMetadata and deleteDeveloperMetadata answer when their filters match nothing.
// Google does not document it.
type NoMatch string

// What an update that matches nothing answers.
const (
	NoMatchOK    NoMatch = "ok"    // 200 with an empty reply, and the rest of the batch is applied
	NoMatchError NoMatch = "error" // 400, and nothing is applied
)

// batch is one batchUpdate being applied within a transaction. Tabs are changed in memory and saved at the end.
type batch struct {
	tx      *sql.Tx
	schema  *schema
	noMatch NoMatch
	book    *book
	rows    *rowWriter
	writes  []journalWrite
}

// applyBatch applies all requests in order, or none: its caller undoes the transaction on an error. It returns
// one reply for each request.
func (h *Handler) applyBatch(ctx context.Context, tx *sql.Tx, spreadsheet string, requests []request) (*batch, []response, error) {
	book, err := loadBook(ctx, tx, spreadsheet)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case len(requests) == 0:
		return nil, nil, invalid("Must specify at least one request.")
	case len(requests) > maxRequests:
		return nil, nil, invalid("Cannot exceed %d requests in a single batch.", maxRequests)
	}
	rows, err := newRowWriter(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	b := &batch{tx: tx, schema: h.schema, noMatch: h.noMatch, book: book, rows: rows}
	replies := make([]response, len(requests))
	for i := range requests {
		kind, reply, err := b.apply(ctx, &requests[i])
		if err != nil {
			return nil, nil, inRequest(i, kind, err)
		}
		replies[i] = reply
	}
	return b, replies, book.save(ctx, tx)
}

// apply applies one request and names its kind.
func (b *batch) apply(ctx context.Context, r *request) (kind string, reply response, err error) {
	switch kind = r.kind(); kind {
	case "addSheet":
		reply.AddSheet, err = b.addSheet(ctx, r.AddSheet)
	case "appendCells":
		err = b.appendCells(ctx, r.AppendCells)
	case "appendDimension":
		err = b.appendDimension(r.AppendDimension)
	case "createDeveloperMetadata":
		reply.CreateDeveloperMetadata, err = b.createMetadata(ctx, r.CreateDeveloperMetadata)
	case "deleteDeveloperMetadata":
		reply.DeleteDeveloperMetadata, err = b.deleteMetadata(ctx, r.DeleteDeveloperMetadata)
	case "deleteDimension":
		err = b.deleteDimension(ctx, r.DeleteDimension)
	case "deleteSheet":
		err = b.deleteSheet(ctx, r.DeleteSheet)
	case "insertDimension":
		err = b.insertDimension(ctx, r.InsertDimension)
	case "updateCells":
		err = b.updateCells(ctx, r.UpdateCells)
	case "updateDeveloperMetadata":
		reply.UpdateDeveloperMetadata, err = b.updateMetadata(ctx, r.UpdateDeveloperMetadata)
	case "updateSheetProperties":
		err = b.updateSheetProperties(ctx, r.UpdateSheetProperties)
	default:
		err = invalid("No request set.")
	}
	return kind, reply, err
}

// kind is the name of the one field that is set, "" for none.
func (r *request) kind() string {
	v := reflect.ValueOf(*r)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			return v.Type().Field(i).Tag.Get("json")
		}
	}
	return ""
}

// bodyMask checks the mask of an update request against the message that it is about. A nil one is missing.
func (b *batch) bodyMask(m *mask, of any) error {
	if m == nil {
		return invalid("At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)")
	}
	err := b.schema.checkMask(m, reflect.TypeOf(of), func(path string) error {
		return notImplemented("field " + path)
	})
	var refused *apiError
	if errors.As(err, &refused) && len(refused.violations) > 0 {
		return invalid("Invalid field in 'fields': %s", refused.violations[0].Description)
	}
	return err
}

func (b *batch) sheet(id int32) (*tab, error) {
	if t := b.book.tab(id); t != nil {
		return t, nil
	}
	return nil, noSheet(id)
}

// grid is sheet with the words of the requests that write cells.
func (b *batch) grid(id int32) (*tab, error) {
	if t := b.book.tab(id); t != nil {
		return t, nil
	}
	return nil, invalid("No grid with id: %d", id)
}

// randomID is a positive number of 31 bits, as Google gives to tabs and metadata.
func randomID() int32 { return rand.Int32N(1<<31-1) + 1 }
