namespace InverseSolver.Imaging;

/// <summary>Draws pictures in rows and columns on grey, with headings above, labels to the left and captions below.</summary>
public static class ContactSheet
{
    private const int Gap = 12;
    private const int LargeFont = 18;
    private const int SmallFont = 15;

    /// <summary>Draws a sheet.</summary>
    /// <param name="columns">The headings; may be empty texts.</param>
    /// <param name="rows">The rows; each has a tile or a gap for each column.</param>
    /// <param name="minTileSide">Pictures whose longer side is smaller are enlarged, pixel by pixel, by the smallest integer that reaches it.</param>
    /// <returns>An RGB image.</returns>
    /// <exception cref="ArgumentException">There is no column or row, a row has another number of tiles, or the sheet is too large.</exception>
    public static Image Draw(IReadOnlyList<string> columns, IReadOnlyList<ContactSheetRow> rows, int minTileSide = 256)
    {
        if (columns.Count == 0 || rows.Count == 0) throw new ArgumentException("There is nothing to draw.", nameof(rows));
        if (rows.Any(row => row.Tiles.Count != columns.Count)) throw new ArgumentException("Each row needs a tile or a gap for each column.", nameof(rows));
        ArgumentOutOfRangeException.ThrowIfLessThan(minTileSide, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minTileSide, 4096);

        TextLine[] headings = [.. columns.Select(text => TextLine.Render(text, LargeFont))];
        TextLine[] labels = [.. rows.Select(row => TextLine.Render(row.Label, LargeFont))];
        Cell?[][] cells = [.. rows.Select(row => row.Tiles.Select(tile => tile is null ? null : new Cell(tile, minTileSide)).ToArray())];
        int[] widths = [.. columns.Select((_, column) => Math.Max(headings[column].Width, cells.Max(row => row[column]?.Width ?? 0)))];
        int[] heights = [.. cells.Select((row, i) => Math.Max(labels[i].Height, row.Max(cell => cell?.Height ?? 0)))];
        int labelWidth = labels.Max(label => label.Width);

        int left = labelWidth > 0 ? labelWidth + (2 * Gap) : Gap;
        int top = headings.Max(heading => heading.Height) + (2 * Gap);
        var canvas = new Canvas(top + heights.Sum(height => height + Gap), left + widths.Sum(width => width + Gap));
        for (int column = 0, x = left; column < columns.Count; x += widths[column++] + Gap)
            canvas.Draw(headings[column], Gap, x + ((widths[column] - headings[column].Width) / 2));
        for (int row = 0, y = top; row < rows.Count; y += heights[row++] + Gap)
        {
            int captions = cells[row].Max(cell => cell?.Caption.Height ?? 0);
            canvas.Draw(labels[row], y + Math.Max(0, (heights[row] - captions - labels[row].Height) / 2), left - Gap - labels[row].Width);
            for (int column = 0, x = left; column < columns.Count; x += widths[column++] + Gap)
                cells[row][column]?.Draw(canvas, y, x, widths[column]);
        }
        return canvas.ToImage();
    }

    private sealed class Cell
    {
        private const int Space = 4;
        private readonly Image _image;
        private readonly int _factor;

        internal Cell(ContactSheetTile tile, int minSide)
        {
            int side = Math.Max(tile.Image.Height, tile.Image.Width);
            _image = tile.Image;
            _factor = Math.Max(1, (minSide + side - 1) / side);
            Caption = TextLine.Render(tile.Caption, SmallFont);
        }

        internal TextLine Caption { get; }

        internal int Height => (_image.Height * _factor) + Space + Caption.Height;

        internal int Width => Math.Max(_image.Width * _factor, Caption.Width);

        internal void Draw(Canvas canvas, int top, int left, int width)
        {
            canvas.Draw(_image, _factor, top, left + ((width - (_image.Width * _factor)) / 2));
            canvas.Draw(Caption, top + (_image.Height * _factor) + Space, left + ((width - Caption.Width) / 2));
        }
    }
}
