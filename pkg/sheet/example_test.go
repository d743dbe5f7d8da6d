package sheet_test

import (
	"fmt"
	"time"

	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/pkg/sheet"
)

func ExampleState_Flush() {
	read := &sheets.Spreadsheet{SpreadsheetId: "book"} // what Client.Read gets
	state := sheet.ParseState(read)
	row, err := sheet.NewRow([]string{"2026-11-21T12:00:00.000Z", "an-id", "=1+1 is text"})
	if err != nil {
		fmt.Println(err)
		return
	}
	flush := state.Flush("0123456789abcdef", sheet.KeepFences, time.Now(), []sheet.Part{{
		Form: "demo", Title: "Demo", Header: []string{"Received at", "Id", "Name"}, TopicID: "topic", Offsets: []int64{1}, Rows: []sheet.Row{row},
	}})
	fmt.Println(flush.Fence.ID, len(flush.Request.Requests), "requests", flush.Rows(), "row")
	fmt.Println(state.Advance(flush).Items["demo"].Value)
	// Output:
	// 500000000 4 requests 1 row
	// v1 500000000 topic 1
}
