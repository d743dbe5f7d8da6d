package sheetsemulator

import (
	"context"
	"fmt"
	"reflect"
)

// createMetadata is where a batch is fenced: an id that exists already refuses the whole of it.
func (b *batch) createMetadata(ctx context.Context, r *createDeveloperMetadataRequest) (*createDeveloperMetadataResponse, error) {
	if r.DeveloperMetadata == nil {
		return nil, invalid("developerMetadata must be specified.")
	}
	it := item{developerMetadata: *r.DeveloperMetadata}
	var err error
	if it.place, err = placeOf(b.book, it.Location); err != nil {
		return nil, err
	}
	if it.MetadataID, err = b.newMetadataID(ctx, it.MetadataID); err != nil {
		return nil, err
	}
	if err := storeItem(ctx, b.tx, b.book, &it); err != nil {
		return nil, err
	}
	it.Location = it.wire(b.book)
	return &createDeveloperMetadataResponse{DeveloperMetadata: &it.developerMetadata}, nil
}

// newMetadataID is the given id, if it is free; 0 asks for a random one.
func (b *batch) newMetadataID(ctx context.Context, given int32) (int32, error) {
	if given < 0 {
		return 0, invalid("Developer metadata IDs must be positive, not %d.", given)
	}
	for id := given; ; id = randomID() {
		if id == 0 {
			continue
		}
		exists, err := metadataExists(ctx, b.tx, b.book, id)
		if err != nil || !exists {
			return id, err
		}
		if given != 0 {
			return 0, invalid("Cannot add developer metadata with ID [%d] because developer metadata with that ID already exists.", given)
		}
	}
}

func (b *batch) updateMetadata(ctx context.Context, r *updateDeveloperMetadataRequest) (*updateDeveloperMetadataResponse, error) {
	if err := b.bodyMask(r.Fields, developerMetadata{}); err != nil {
		return nil, err
	}
	if r.Fields.fields["metadataId"] != nil {
		return nil, invalid("The metadataId of developer metadata cannot be changed.")
	}
	given := r.DeveloperMetadata
	if given == nil {
		given = &developerMetadata{}
	}
	items, err := b.matching(ctx, r.DataFilters)
	if err != nil {
		return nil, err
	}
	reply := &updateDeveloperMetadataResponse{}
	for _, it := range items {
		id := it.MetadataID
		b.schema.assign(reflect.ValueOf(&it.developerMetadata).Elem(), reflect.ValueOf(given).Elem(), r.Fields)
		it.MetadataID = id // "*" does not mean the id
		if r.Fields.has("location") {
			if it.place, err = placeOf(b.book, it.Location); err != nil {
				return nil, err
			}
		}
		if err := storeItem(ctx, b.tx, b.book, &it); err != nil {
			return nil, err
		}
		it.Location = it.wire(b.book)
		reply.DeveloperMetadata = append(reply.DeveloperMetadata, &it.developerMetadata)
	}
	return reply, nil
}

func (b *batch) deleteMetadata(ctx context.Context, r *deleteDeveloperMetadataRequest) (*deleteDeveloperMetadataResponse, error) {
	var filters []dataFilter
	if r.DataFilter != nil {
		filters = append(filters, *r.DataFilter)
	}
	items, err := b.matching(ctx, filters)
	if err != nil {
		return nil, err
	}
	reply := &deleteDeveloperMetadataResponse{}
	for _, it := range items {
		if _, err := b.tx.ExecContext(ctx, "DELETE FROM metadata WHERE spreadsheet = ? AND id = ?", b.book.id, it.MetadataID); err != nil {
			return nil, fmt.Errorf("delete metadata: %w", err)
		}
		reply.DeletedDeveloperMetadata = append(reply.DeletedDeveloperMetadata, &it.developerMetadata)
	}
	return reply, nil
}

// matching finds the items of any filter; whether none is an error is the operator's choice.
func (b *batch) matching(ctx context.Context, filters []dataFilter) ([]item, error) {
	where, args, err := condition(filters)
	if err != nil {
		return nil, err
	}
	items, err := queryMetadata(ctx, b.tx, b.book, where, args...)
	if err == nil && len(items) == 0 && b.noMatch == NoMatchError {
		return nil, invalid("No developer metadata matches the data filters.")
	}
	return items, err
}
