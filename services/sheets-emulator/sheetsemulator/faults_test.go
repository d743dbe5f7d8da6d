package sheetsemulator_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

// once gives the fault to the first batchUpdate and none to other calls.
func once(f sheetsemulator.Fault) (sheetsemulator.Faults, *atomic.Int32) {
	var calls atomic.Int32
	return func(_ context.Context, c sheetsemulator.Call) sheetsemulator.Fault {
		if c.Method == "spreadsheets.batchUpdate" && c.Spreadsheet == book && calls.Add(1) == 1 {
			return f
		}
		return sheetsemulator.Fault{}
	}, &calls
}

func TestFaults_outcomes(t *testing.T) {
	for _, test := range []struct {
		name    string
		fault   sheetsemulator.Fault
		code    int // 0: the connection is cut
		message string
		applied bool
	}{
		{"refused by quota", sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 429}, 429, "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per user' of service 'sheets.googleapis.com' for consumer 'project_number:0'.", false},
		{"forbidden", sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 403}, 403, "The caller does not have permission", false},
		{"never applied, no status given", sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever}, 503, "The service is currently unavailable.", false},
		{"applied, then 500", sheetsemulator.Fault{Status: 500}, 500, "Internal error encountered.", true},
		{"applied, then a page of HTML", sheetsemulator.Fault{Status: 502}, 502, "", true},
		{"applied, then cut", sheetsemulator.Fault{Cut: true}, 0, "", true},
		{"cut before", sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Cut: true}, 0, "", false},
		{"a status of its own", sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 504}, 504, "Gateway Timeout", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			faults, calls := once(test.fault)
			b := setup(t, withHandler(sheetsemulator.HandlerOptions{Faults: faults}))
			_, err := b.update(create(5, "k", "v"), appendRows(0, []string{"a"}))
			if test.code == 0 {
				require.True(t, isCut(err), "%v", err)
			} else {
				var api *googleapi.Error
				require.ErrorAs(t, err, &api)
				require.Equal(t, test.code, api.Code)
				require.Equal(t, test.message, api.Message)
			}
			require.Equal(t, int32(1), calls.Load())
			require.Equal(t, test.applied, len(b.values(t, "Sheet1")) == 1)
			_, err = b.update(create(5, "k", "v"), appendRows(0, []string{"a"}))
			require.Equal(t, test.applied, err != nil, "the same batch again")
		})
	}
}

func TestFaults_late_isAppliedWhenReleased(t *testing.T) {
	release := make(chan struct{})
	faults, _ := once(sheetsemulator.Fault{Apply: sheetsemulator.ApplyLate, Until: release, Cut: true})
	b := setup(t, withHandler(sheetsemulator.HandlerOptions{Faults: faults}))
	_, err := b.update(create(5, "k", "late"), appendRows(0, []string{"late"}))
	require.True(t, isCut(err))
	require.Empty(t, b.values(t, "Sheet1"))
	close(release)
	eventually(t, func() bool { return len(b.values(t, "Sheet1")) == 1 })
	_, err = b.update(create(5, "k", "again"), appendRows(0, []string{"again"}))
	refused(t, err, 400, "Invalid requests[0].createDeveloperMetadata: Cannot add developer metadata with ID [5] because developer metadata with that ID already exists.")
}

func TestFaults_lateBehindAnotherWithTheSameFence_isRefusedWhole(t *testing.T) {
	release := make(chan struct{})
	faults, _ := once(sheetsemulator.Fault{Apply: sheetsemulator.ApplyLate, Until: release, Status: 503})
	b := setup(t, withHandler(sheetsemulator.HandlerOptions{Faults: faults}))
	batch := appendRows(0, []string{"row"})
	_, err := b.update(create(5, "k", "v"), batch)
	require.Error(t, err)
	b.mustUpdate(t, create(5, "k", "v"), batch)
	close(release)
	require.NoError(t, b.handler.Close()) // waits for the late one
	require.Equal(t, [][]any{{"row"}}, b.values(t, "Sheet1"))
}

func TestFaults_lateNeverReleased_endsWithTheStore(t *testing.T) {
	faults, _ := once(sheetsemulator.Fault{Apply: sheetsemulator.ApplyLate, Until: make(chan struct{}), Status: 503})
	b := setup(t, withHandler(sheetsemulator.HandlerOptions{Faults: faults}))
	_, err := b.update(appendRows(0, []string{"row"}))
	require.Error(t, err)
	require.NoError(t, b.store.Close()) // goleak sees whether the goroutine has ended
}

func TestFaults_thatBlock_delayTheCall(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	b := setup(t, withHandler(sheetsemulator.HandlerOptions{Faults: func(_ context.Context, c sheetsemulator.Call) sheetsemulator.Fault {
		if c.Method == "spreadsheets.batchUpdate" && calls.Add(1) == 1 {
			close(entered)
			<-release
		}
		return sheetsemulator.Fault{}
	}}))
	done := make(chan error, 1)
	go func() {
		_, err := b.update(appendRows(0, []string{"row"}))
		done <- err
	}()
	<-entered
	require.Empty(t, b.values(t, "Sheet1"))
	close(release)
	require.NoError(t, <-done)
	require.Equal(t, [][]any{{"row"}}, b.values(t, "Sheet1"))
}

func TestBatchUpdate_clientThatHasGivenUp_getsItsBatchAppliedAllTheSame(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	b := setup(t, withHandler(sheetsemulator.HandlerOptions{Faults: func(_ context.Context, c sheetsemulator.Call) sheetsemulator.Fault {
		if c.Method == "spreadsheets.batchUpdate" && calls.Add(1) == 1 {
			close(entered)
			<-release
		}
		return sheetsemulator.Fault{}
	}}))
	ctx, giveUp := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := b.sheets.Spreadsheets.BatchUpdate(book, &sheets.BatchUpdateSpreadsheetRequest{Requests: []*sheets.Request{appendRows(0, []string{"row"})}}).Context(ctx).Do()
		done <- err
	}()
	<-entered
	giveUp()
	require.ErrorIs(t, <-done, context.Canceled)
	close(release)
	eventually(t, func() bool { return len(b.values(t, "Sheet1")) == 1 })
}

func TestFaults_refusalOfALargeBody_isSeenByTheClient(t *testing.T) {
	faults, _ := once(sheetsemulator.Fault{Apply: sheetsemulator.ApplyNever, Status: 429})
	b := setup(t, withHandler(sheetsemulator.HandlerOptions{Faults: faults}))
	large := appendRows(0, strings.Split(strings.Repeat(strings.Repeat("x", 40_000)+" ", 26), " ")[:26])
	_, err := b.update(large, large, large, large)
	var api *googleapi.Error
	require.ErrorAs(t, err, &api)
	require.Equal(t, 429, api.Code)
}
