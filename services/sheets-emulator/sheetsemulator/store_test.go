package sheetsemulator_test

import (
	"bufio"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"

	"github.com/formstream/formstream/services/sheets-emulator/sheetsemulator"
)

func TestStore_openedAgain_hasEverything(t *testing.T) {
	dir := t.TempDir()
	t.Run("write", func(t *testing.T) {
		b := setup(t, inDir(dir))
		b.mustUpdate(t, addTab(7, "T"), appendRows(7, []string{"a"}), create(5, "k", "v"))
	})
	b := setup(t, inDir(dir))
	require.Equal(t, []string{"Sheet1", "T"}, b.titles(t))
	b.mustUpdate(t, appendRows(7, []string{"b"}))
	require.Equal(t, [][]any{{"a"}, {"b"}}, b.values(t, "T"))
	_, err := b.update(create(5, "k", "v"))
	require.ErrorContains(t, err, "already exists")
}

func TestStore_createSpreadsheet_isIdempotentAndChecksTheID(t *testing.T) {
	b := setup(t)
	b.mustUpdate(t, appendRows(0, []string{"kept"}))
	require.NoError(t, b.store.CreateSpreadsheet(t.Context(), book))
	require.Equal(t, [][]any{{"kept"}}, b.values(t, "Sheet1"))
	for _, id := range []string{"", "a/b", "a b", "ü", strings.Repeat("x", 129)} {
		require.ErrorContains(t, b.store.CreateSpreadsheet(t.Context(), id), "1 to 128 letters, digits, - and _")
	}
}

func TestStore_folderInUse_isOneClearLine(t *testing.T) {
	b := setup(t)
	_, err := sheetsemulator.OpenStore(t.Context(), b.dir, sheetsemulator.StoreOptions{})
	require.EqualError(t, err, "data folder "+b.dir+" is in use by another process: end that one, or choose another folder")
	require.NoError(t, b.store.Close())
	again, err := sheetsemulator.OpenStore(t.Context(), b.dir, sheetsemulator.StoreOptions{})
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestStore_newerDataFormat_isRefusedUntouched(t *testing.T) {
	dir := t.TempDir()
	store, err := sheetsemulator.OpenStore(t.Context(), dir, sheetsemulator.StoreOptions{})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	db, err := sql.Open("sqlite", filepath.Join(dir, "sheets.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "PRAGMA user_version = 2")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = sheetsemulator.OpenStore(t.Context(), dir, sheetsemulator.StoreOptions{})
	require.ErrorContains(t, err, "its data format is 2 and this version knows 1: use the newer version that wrote it, or another data folder")
}

func TestStore_folderThatCannotBeMade_isSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := sheetsemulator.OpenStore(t.Context(), filepath.Join(file, "data"), sheetsemulator.StoreOptions{})
	require.ErrorContains(t, err, "make data folder")
}

func TestStore_folderWithAwkwardName_works(t *testing.T) {
	b := setup(t, inDir(filepath.Join(t.TempDir(), "50% of it? #1 ü")))
	b.mustUpdate(t, appendRows(0, []string{"a"}))
	_, err := os.Stat(filepath.Join(b.dir, "sheets.db"))
	require.NoError(t, err)
}

// TestServerProcess is not a test: it is the process that TestKill starts, and kills.
func TestServerProcess(t *testing.T) {
	if flag.NArg() != 2 || flag.Arg(0) != "serve" {
		t.Skip("started by TestKill only")
	}
	store, err := sheetsemulator.OpenStore(t.Context(), flag.Arg(1), sheetsemulator.StoreOptions{})
	require.NoError(t, err)
	require.NoError(t, store.CreateSpreadsheet(t.Context(), book))
	handler, err := sheetsemulator.NewHandler(store, sheetsemulator.HandlerOptions{})
	require.NoError(t, err)
	fmt.Println("listening on", httptest.NewServer(handler).URL)
	<-t.Context().Done()
}

// serveProcess starts a server process and returns it with its address.
func serveProcess(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), self, "-test.run=^TestServerProcess$", "serve", dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, found := strings.CutPrefix(lines.Text(), "listening on "); found {
			return cmd, url
		}
	}
	t.Fatal("the server process did not start")
	return nil, ""
}

func TestKill_atAnyMoment_keepsEveryAnsweredBatchWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: not with -short")
	}
	const (
		rounds  = 3
		writers = 4
		enough  = 40 // answered batches before the kill
	)
	dir := t.TempDir()
	var (
		mu       sync.Mutex
		answered = map[string]bool{} // by batch
	)
	for round := range rounds {
		cmd, url := serveProcess(t, dir)
		transport := &http.Transport{}
		service, err := sheets.NewService(t.Context(), option.WithEndpoint(url), option.WithoutAuthentication(), option.WithHTTPClient(&http.Client{Transport: transport}))
		require.NoError(t, err)
		acked := make(chan struct{}, 1000)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprintf("%d-%d-%d", round, w, i)
					_, err := service.Spreadsheets.BatchUpdate(book, &sheets.BatchUpdateSpreadsheetRequest{Requests: []*sheets.Request{
						create(int64(1+round*1_000_000+w*100_000+i), "fence", id),
						appendRows(0, []string{id, "1"}, []string{id, "2"}, []string{id, "3"}),
					}}).Do()
					if err != nil {
						return // killed
					}
					mu.Lock()
					answered[id] = true
					mu.Unlock()
					acked <- struct{}{}
				}
			})
		}
		for range enough {
			<-acked
		}
		require.NoError(t, cmd.Process.Kill())
		group.Wait()
		require.Error(t, cmd.Wait()) // killed
		transport.CloseIdleConnections()
	}

	b := setup(t, inDir(dir))
	counts := map[string]int{}
	for _, row := range b.values(t, "Sheet1") {
		counts[row[0].(string)]++
	}
	fences := map[string]bool{}
	r, err := b.sheets.Spreadsheets.DeveloperMetadata.Search(book, &sheets.SearchDeveloperMetadataRequest{
		DataFilters: []*sheets.DataFilter{lookup(&sheets.DeveloperMetadataLookup{MetadataKey: "fence"})},
	}).Do()
	require.NoError(t, err)
	for _, m := range r.MatchedDeveloperMetadata {
		fences[m.DeveloperMetadata.MetadataValue] = true
	}
	require.GreaterOrEqual(t, len(answered), rounds*enough)
	for id := range answered {
		require.Equal(t, 3, counts[id], "batch %s was answered", id)
	}
	for id, n := range counts {
		require.Equal(t, 3, n, "batch %s is there in part", id)
		require.True(t, fences[id], "batch %s has no fence", id)
	}
	require.Len(t, fences, len(counts))
	t.Logf("answered=%d applied=%d", len(answered), len(counts))
}
