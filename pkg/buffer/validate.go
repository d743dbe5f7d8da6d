package buffer

import (
	"errors"
	"fmt"
)

// Bounds of a call. The scripts' numbers are doubles: beyond MaxOffset they would not be exact.
const (
	MaxOffset  = 1<<53 - 1 // highest end of a record
	MaxRecords = 20_000    // records of one AddRequest
	MaxForget  = 10_000    // ids that one Add forgets for their age: a whole window's at once would hold Redis up; the rest goes next time
)

// Validate reports a request that must not be sent: it would be a fault of the program, and never get better.
func (r AddRequest) Validate() error {
	if err := r.check(); err != nil {
		return fmt.Errorf("add to buffer of form %s, partition %d: %w", r.Form, r.Partition, err)
	}
	return nil
}

func (r AddRequest) check() error {
	switch {
	case r.Form == "" || r.TopicID == "":
		return errors.New("form and topic id must be given")
	case r.Partition < 0:
		return errors.New("partition is negative")
	case r.Expected < -1 || r.Expected > MaxOffset:
		return fmt.Errorf("expected offset %d is not -1 to %d", r.Expected, int64(MaxOffset))
	case r.Start < 0 || r.Start > r.Delivered || r.Delivered > MaxOffset:
		return fmt.Errorf("start %d and delivered %d are not 0 to %d, in this order", r.Start, r.Delivered, int64(MaxOffset))
	case len(r.Records) > MaxRecords:
		return fmt.Errorf("%d records are more than %d", len(r.Records), MaxRecords)
	}
	for i, rec := range r.Records {
		if rec.Offset < 0 || rec.Width < 0 || rec.Offset >= MaxOffset || rec.Width > MaxOffset-rec.Offset {
			return fmt.Errorf("record at offset %d with width %d is not within 0 to %d", rec.Offset, rec.Width, int64(MaxOffset))
		}
		if i > 0 && rec.Offset != r.Records[i-1].End() {
			return fmt.Errorf("record at offset %d follows one that ends at %d: a hole must be a gap record", rec.Offset, r.Records[i-1].End())
		}
	}
	return nil
}

func checkVector(vector []int64) error {
	for p, offset := range vector {
		if offset < 0 || offset > MaxOffset {
			return fmt.Errorf("offset %d of partition %d is not 0 to %d", offset, p, int64(MaxOffset))
		}
	}
	return nil
}
