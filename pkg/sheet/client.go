package sheet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/sheets/v4"
)

// Time-outs of one request. Google gives up after 180 s by itself; a write that takes longer than ours is settled by its fence.
const (
	readTimeout  = 30 * time.Second
	writeTimeout = 60 * time.Second
)

// Client speaks to Sheets, or to an emulator, through the official client, which never retries by itself.
type Client struct{ service *sheets.Service }

// Dial makes a client. With an endpoint (the base URL of an emulator) no credentials are used; without one they come from the
// service-account file, or, when that is empty, from Application Default Credentials.
func Dial(ctx context.Context, endpoint, credentialsFile string) (*Client, error) {
	opts := []option.ClientOption{option.WithUserAgent("formstream")}
	switch {
	case endpoint != "":
		opts = append(opts, option.WithEndpoint(endpoint), option.WithoutAuthentication(), option.WithHTTPClient(&http.Client{}))
	case credentialsFile != "":
		opts = append(opts, option.WithAuthCredentialsFile(option.ServiceAccount, credentialsFile), option.WithScopes(sheets.SpreadsheetsScope))
	default:
		opts = append(opts, option.WithScopes(sheets.SpreadsheetsScope))
	}
	s, err := sheets.NewService(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("sheets client: %w", err)
	}
	return &Client{service: s}, nil
}

// Read tells all that a flush must know of a spreadsheet. Costs one read.
func (c *Client) Read(ctx context.Context, spreadsheet string) (*State, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, errors.New("sheets: the read took longer than 30 s"))
	defer cancel()
	s, err := c.service.Spreadsheets.Get(spreadsheet).Fields(ReadFields).Context(ctx).Do()
	if err != nil {
		return nil, classify(err)
	}
	return ParseState(s), nil
}

// Apply sends a request. Costs one write.
func (c *Client) Apply(ctx context.Context, spreadsheet string, r *sheets.BatchUpdateSpreadsheetRequest) (*sheets.BatchUpdateSpreadsheetResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, writeTimeout, errors.New("sheets: the write took longer than 60 s"))
	defer cancel()
	resp, err := c.service.Spreadsheets.BatchUpdate(spreadsheet, r).Context(ctx).Do()
	if err != nil {
		return nil, classify(err)
	}
	return resp, nil
}

// Fence looks a fence up by its id. Costs one read.
func (c *Client) Fence(ctx context.Context, spreadsheet string, id int64) (Fence, bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, errors.New("sheets: the read of a fence took longer than 30 s"))
	defer cancel()
	m, err := c.service.Spreadsheets.DeveloperMetadata.Get(spreadsheet, id).Context(ctx).Do()
	if err != nil {
		err = classify(err)
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusNotFound {
			return Fence{}, false, nil
		}
		return Fence{}, false, err
	}
	f := parseFence(id, m.MetadataValue)
	f.Foreign = m.MetadataKey != FenceKey
	return f, true, nil
}

// Head returns the first two rows of a tab. Costs one read.
func (c *Client) Head(ctx context.Context, spreadsheet, title string) ([][]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, errors.New("sheets: the read of a header took longer than 30 s"))
	defer cancel()
	v, err := c.service.Spreadsheets.Values.Get(spreadsheet, "'"+strings.ReplaceAll(title, "'", "''")+"'!1:2").Context(ctx).Do()
	if err != nil {
		return nil, classify(err)
	}
	rows := make([][]string, len(v.Values))
	for i, r := range v.Values {
		for _, c := range r {
			rows[i] = append(rows[i], fmt.Sprint(c))
		}
	}
	return rows, nil
}
