package sheetsemulator

// The messages of the Sheets API v4 that this server knows, named and laid out as Google documents them.
// A pointer to a scalar tells "set to zero" from "not set"; see schema.go for the tags.

type batchUpdateSpreadsheetRequest struct {
	Requests                     []request `json:"requests"`
	IncludeSpreadsheetInResponse bool      `json:"includeSpreadsheetInResponse"`
	ResponseRanges               []string  `json:"responseRanges"`
	ResponseIncludeGridData      bool      `json:"responseIncludeGridData"`

	_ unsupported `names:"commentsViewMode"`
}

type request struct {
	AddSheet                *addSheetRequest                `json:"addSheet" oneof:"kind"`
	AppendCells             *appendCellsRequest             `json:"appendCells" oneof:"kind"`
	AppendDimension         *appendDimensionRequest         `json:"appendDimension" oneof:"kind"`
	CreateDeveloperMetadata *createDeveloperMetadataRequest `json:"createDeveloperMetadata" oneof:"kind"`
	DeleteDeveloperMetadata *deleteDeveloperMetadataRequest `json:"deleteDeveloperMetadata" oneof:"kind"`
	DeleteDimension         *deleteDimensionRequest         `json:"deleteDimension" oneof:"kind"`
	DeleteSheet             *deleteSheetRequest             `json:"deleteSheet" oneof:"kind"`
	InsertDimension         *insertDimensionRequest         `json:"insertDimension" oneof:"kind"`
	UpdateCells             *updateCellsRequest             `json:"updateCells" oneof:"kind"`
	UpdateDeveloperMetadata *updateDeveloperMetadataRequest `json:"updateDeveloperMetadata" oneof:"kind"`
	UpdateSheetProperties   *updateSheetPropertiesRequest   `json:"updateSheetProperties" oneof:"kind"`

	_ unsupported `names:"addBanding addChart addCommentReply addConditionalFormatRule addDataSource addDimensionGroup addFilterView addNamedRange addProtectedRange addSlicer addTable autoFill autoResizeDimensions cancelDataSourceRefresh clearBasicFilter copyPaste cutPaste deleteBanding deleteComment deleteCommentReply deleteConditionalFormatRule deleteDataSource deleteDimensionGroup deleteDuplicates deleteEmbeddedObject deleteFilterView deleteNamedRange deleteProtectedRange deleteRange deleteTable duplicateFilterView duplicateSheet findReplace insertComment insertRange mergeCells moveDimension pasteData randomizeRange refreshDataSource repeatCell setBasicFilter setDataValidation sortRange textToColumns trimWhitespace unmergeCells updateBanding updateBorders updateChartSpec updateCommentPost updateConditionalFormatRule updateDataSource updateDimensionGroup updateDimensionProperties updateEmbeddedObjectBorder updateEmbeddedObjectPosition updateFilterView updateNamedRange updateProtectedRange updateSlicerSpec updateSpreadsheetProperties updateTable"`
}

type addSheetRequest struct {
	Properties *sheetProperties `json:"properties"`
}

type appendCellsRequest struct {
	SheetID int32     `json:"sheetId"`
	Rows    []rowData `json:"rows"`
	Fields  *mask     `json:"fields"`

	_ unsupported `names:"tableId"`
}

type appendDimensionRequest struct {
	SheetID   int32  `json:"sheetId"`
	Dimension string `json:"dimension" enum:"Dimension ROWS COLUMNS"`
	Length    int32  `json:"length"`
}

type createDeveloperMetadataRequest struct {
	DeveloperMetadata *developerMetadata `json:"developerMetadata"`
}

type updateDeveloperMetadataRequest struct {
	DataFilters       []dataFilter       `json:"dataFilters"`
	DeveloperMetadata *developerMetadata `json:"developerMetadata"`
	Fields            *mask              `json:"fields"`
}

type deleteDeveloperMetadataRequest struct {
	DataFilter *dataFilter `json:"dataFilter"`
}

type deleteSheetRequest struct {
	SheetID int32 `json:"sheetId"`
}

type insertDimensionRequest struct {
	Range             *dimensionRange `json:"range"`
	InheritFromBefore bool            `json:"inheritFromBefore"`
}

type deleteDimensionRequest struct {
	Range *dimensionRange `json:"range"`
}

type updateCellsRequest struct {
	Rows   []rowData       `json:"rows"`
	Fields *mask           `json:"fields"`
	Start  *gridCoordinate `json:"start" oneof:"area"`
	Range  *gridRange      `json:"range" oneof:"area"`
}

type updateSheetPropertiesRequest struct {
	Properties *sheetProperties `json:"properties"`
	Fields     *mask            `json:"fields"`
}

type searchDeveloperMetadataRequest struct {
	DataFilters []dataFilter `json:"dataFilters"`
}

type batchUpdateSpreadsheetResponse struct {
	SpreadsheetID      string       `json:"spreadsheetId"`
	Replies            []response   `json:"replies"`
	UpdatedSpreadsheet *spreadsheet `json:"updatedSpreadsheet"`

	_ unsupported `names:"commentUpdateState"`
}

// response mirrors one request; most kinds answer with an empty one.
type response struct {
	AddSheet                *addSheetResponse                `json:"addSheet"`
	CreateDeveloperMetadata *createDeveloperMetadataResponse `json:"createDeveloperMetadata"`
	UpdateDeveloperMetadata *updateDeveloperMetadataResponse `json:"updateDeveloperMetadata"`
	DeleteDeveloperMetadata *deleteDeveloperMetadataResponse `json:"deleteDeveloperMetadata"`

	_ unsupported `names:"addBanding addChart addCommentReply addDataSource addDimensionGroup addFilterView addNamedRange addProtectedRange addSlicer addTable cancelDataSourceRefresh deleteConditionalFormatRule deleteDimensionGroup deleteDuplicates duplicateFilterView duplicateSheet findReplace insertComment refreshDataSource trimWhitespace updateConditionalFormatRule updateDataSource updateEmbeddedObjectPosition"`
}

type addSheetResponse struct {
	Properties *sheetProperties `json:"properties"`
}

type createDeveloperMetadataResponse struct {
	DeveloperMetadata *developerMetadata `json:"developerMetadata"`
}

type updateDeveloperMetadataResponse struct {
	DeveloperMetadata []*developerMetadata `json:"developerMetadata"`
}

type deleteDeveloperMetadataResponse struct {
	DeletedDeveloperMetadata []*developerMetadata `json:"deletedDeveloperMetadata"`
}

type spreadsheet struct {
	SpreadsheetID     string                 `json:"spreadsheetId"`
	Properties        *spreadsheetProperties `json:"properties"`
	Sheets            []*sheet               `json:"sheets"`
	SpreadsheetURL    string                 `json:"spreadsheetUrl"`
	DeveloperMetadata []*developerMetadata   `json:"developerMetadata"`

	_ unsupported `names:"comments commentsViewMode dataSourceSchedules dataSources namedRanges"`
}

type spreadsheetProperties struct {
	Title      string `json:"title"`
	Locale     string `json:"locale"`
	AutoRecalc string `json:"autoRecalc"`
	TimeZone   string `json:"timeZone"`

	_ unsupported `names:"defaultFormat importFunctionsExternalUrlAccessAllowed iterativeCalculationSettings spreadsheetTheme"`
}

type sheet struct {
	Properties        *sheetProperties     `json:"properties"`
	Data              []*gridData          `json:"data"`
	DeveloperMetadata []*developerMetadata `json:"developerMetadata"`

	_ unsupported `names:"bandedRanges basicFilter charts columnGroups commentAnchors conditionalFormats filterViews merges protectedRanges rowGroups slicers tables"`
}

type sheetProperties struct {
	SheetID        *int32          `json:"sheetId"`
	Title          string          `json:"title"`
	Index          *int32          `json:"index"`
	SheetType      string          `json:"sheetType" enum:"SheetType GRID OBJECT DATA_SOURCE"`
	GridProperties *gridProperties `json:"gridProperties"`
	Hidden         bool            `json:"hidden"`

	_ unsupported `names:"dataSourceSheetProperties rightToLeft tabColor tabColorStyle"`
}

type gridProperties struct {
	RowCount          int32 `json:"rowCount"`
	ColumnCount       int32 `json:"columnCount"`
	FrozenRowCount    int32 `json:"frozenRowCount"`
	FrozenColumnCount int32 `json:"frozenColumnCount"`

	_ unsupported `names:"columnGroupControlAfter hideGridlines rowGroupControlAfter"`
}

type gridData struct {
	StartRow       int32                        `json:"startRow"`
	StartColumn    int32                        `json:"startColumn"`
	RowData        stream[*rowData]             `json:"rowData"`
	RowMetadata    stream[*dimensionProperties] `json:"rowMetadata"`
	ColumnMetadata []*dimensionProperties       `json:"columnMetadata"`
}

type dimensionProperties struct {
	PixelSize         int32                `json:"pixelSize"`
	DeveloperMetadata []*developerMetadata `json:"developerMetadata"`

	_ unsupported `names:"dataSourceColumnReference hiddenByFilter hiddenByUser"`
}

type rowData struct {
	Values []cellData `json:"values"`
}

type cellData struct {
	UserEnteredValue  *extendedValue `json:"userEnteredValue"`
	EffectiveValue    *extendedValue `json:"effectiveValue"`
	FormattedValue    string         `json:"formattedValue"`
	UserEnteredFormat *cellFormat    `json:"userEnteredFormat"`
	Note              string         `json:"note"`

	_ unsupported `names:"chipRuns dataSourceFormula dataSourceTable dataValidation effectiveFormat hyperlink pivotTable textFormatRuns"`
}

type extendedValue struct {
	NumberValue *float64 `json:"numberValue" oneof:"value"`
	StringValue *string  `json:"stringValue" oneof:"value"`
	BoolValue   *bool    `json:"boolValue" oneof:"value"`

	_ unsupported `names:"errorValue formulaValue"`
}

// The three structs of a cell's format are also its form on the disk, hence their omitempty.

type cellFormat struct {
	NumberFormat        *numberFormat `json:"numberFormat,omitempty"`
	HorizontalAlignment string        `json:"horizontalAlignment,omitempty" enum:"HorizontalAlign LEFT CENTER RIGHT"`
	VerticalAlignment   string        `json:"verticalAlignment,omitempty" enum:"VerticalAlign TOP MIDDLE BOTTOM"`
	WrapStrategy        string        `json:"wrapStrategy,omitempty" enum:"WrapStrategy OVERFLOW_CELL LEGACY_WRAP CLIP WRAP"`
	TextFormat          *textFormat   `json:"textFormat,omitempty"`

	_ unsupported `names:"backgroundColor backgroundColorStyle borders hyperlinkDisplayType padding textDirection textRotation"`
}

type numberFormat struct {
	Type    string `json:"type,omitempty" enum:"NumberFormatType TEXT NUMBER PERCENT CURRENCY DATE TIME DATE_TIME SCIENTIFIC"`
	Pattern string `json:"pattern,omitempty"`
}

type textFormat struct {
	FontFamily    string `json:"fontFamily,omitempty"`
	FontSize      int32  `json:"fontSize,omitempty"`
	Bold          bool   `json:"bold,omitempty"`
	Italic        bool   `json:"italic,omitempty"`
	Strikethrough bool   `json:"strikethrough,omitempty"`
	Underline     bool   `json:"underline,omitempty"`

	_ unsupported `names:"foregroundColor foregroundColorStyle link"`
}

type developerMetadata struct {
	MetadataID    int32                      `json:"metadataId"`
	MetadataKey   string                     `json:"metadataKey"`
	MetadataValue string                     `json:"metadataValue"`
	Location      *developerMetadataLocation `json:"location"`
	Visibility    string                     `json:"visibility" enum:"DeveloperMetadataVisibility DOCUMENT PROJECT"`
}

type developerMetadataLocation struct {
	LocationType   string          `json:"locationType" enum:"DeveloperMetadataLocationType ROW COLUMN SHEET SPREADSHEET"`
	Spreadsheet    bool            `json:"spreadsheet" oneof:"location"`
	SheetID        *int32          `json:"sheetId" oneof:"location"`
	DimensionRange *dimensionRange `json:"dimensionRange" oneof:"location"`
}

type dataFilter struct {
	DeveloperMetadataLookup *developerMetadataLookup `json:"developerMetadataLookup" oneof:"filter"`

	_ unsupported `names:"a1Range gridRange"`
}

type developerMetadataLookup struct {
	LocationType  string  `json:"locationType" enum:"DeveloperMetadataLocationType ROW COLUMN SHEET SPREADSHEET"`
	MetadataID    int32   `json:"metadataId"`
	MetadataKey   string  `json:"metadataKey"`
	MetadataValue *string `json:"metadataValue"`
	Visibility    string  `json:"visibility" enum:"DeveloperMetadataVisibility DOCUMENT PROJECT"`

	_ unsupported `names:"locationMatchingStrategy metadataLocation"`
}

type searchDeveloperMetadataResponse struct {
	MatchedDeveloperMetadata []*matchedDeveloperMetadata `json:"matchedDeveloperMetadata"`
}

type matchedDeveloperMetadata struct {
	DeveloperMetadata *developerMetadata `json:"developerMetadata"`
	DataFilters       []dataFilter       `json:"dataFilters"`
}

type dimensionRange struct {
	SheetID    int32  `json:"sheetId"`
	Dimension  string `json:"dimension" enum:"Dimension ROWS COLUMNS"`
	StartIndex *int32 `json:"startIndex"`
	EndIndex   *int32 `json:"endIndex"`
}

type gridCoordinate struct {
	SheetID     int32 `json:"sheetId"`
	RowIndex    int32 `json:"rowIndex"`
	ColumnIndex int32 `json:"columnIndex"`
}

type gridRange struct {
	SheetID          int32  `json:"sheetId"`
	StartRowIndex    int32  `json:"startRowIndex"`
	EndRowIndex      *int32 `json:"endRowIndex"`
	StartColumnIndex int32  `json:"startColumnIndex"`
	EndColumnIndex   *int32 `json:"endColumnIndex"`
}

type valueRange struct {
	Range          string        `json:"range"`
	MajorDimension string        `json:"majorDimension"`
	Values         stream[[]any] `json:"values"`
}

type batchGetValuesResponse struct {
	SpreadsheetID string        `json:"spreadsheetId"`
	ValueRanges   []*valueRange `json:"valueRanges"`
}

// wireSchema is the schema of every message above that comes in or goes out at the top.
func wireSchema() *schema {
	return newSchema(
		batchUpdateSpreadsheetRequest{}, searchDeveloperMetadataRequest{},
		batchUpdateSpreadsheetResponse{}, searchDeveloperMetadataResponse{},
		spreadsheet{}, developerMetadata{}, valueRange{}, batchGetValuesResponse{},
	)
}
