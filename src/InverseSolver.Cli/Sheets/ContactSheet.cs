using System.Text;
using InverseSolver.Imaging;
using SkiaSharp;

namespace InverseSolver.Cli.Sheets;

/// <summary>Draws pictures in rows and columns on grey, with headings above, labels to the left and captions below.</summary>
internal static class ContactSheet
{
    private const int Gap = 12;
    private const int LargeFont = 18;
    private const int SmallFont = 15;
    private const int MaxLetters = 200;
    private const long MaxPixels = 100_000_000;
    private static readonly SKColor Grey = new(89, 89, 89);

    // The font lies in the assembly, since a machine may have none.
    private static readonly SKTypeface Typeface = SKTypeface.FromStream(typeof(ContactSheet).Assembly.GetManifestResourceStream("DejaVuSans.ttf")!);

    /// <summary>Draws a sheet.</summary>
    /// <param name="columns">The headings; may be empty texts.</param>
    /// <param name="rows">The rows; each has a tile or a gap for each column.</param>
    /// <param name="minTileSide">Pictures whose longer side is smaller are enlarged, pixel by pixel, by the smallest integer that reaches it.</param>
    /// <returns>A PNG file.</returns>
    /// <exception cref="ArgumentException">There is no column or row, a row has another number of tiles, or the sheet is too large.</exception>
    internal static byte[] Draw(IReadOnlyList<string> columns, IReadOnlyList<ContactSheetRow> rows, int minTileSide = 256)
    {
        if (columns.Count == 0 || rows.Count == 0) throw new ArgumentException("There is nothing to draw.", nameof(rows));
        if (rows.Any(row => row.Tiles.Count != columns.Count)) throw new ArgumentException("Each row needs a tile or a gap for each column.", nameof(rows));
        ArgumentOutOfRangeException.ThrowIfLessThan(minTileSide, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minTileSide, 4096);

        Line[] headings = [.. columns.Select(text => new Line(text, LargeFont))];
        Line[] labels = [.. rows.Select(row => new Line(row.Label, LargeFont))];
        Cell?[][] cells = [.. rows.Select(row => row.Tiles.Select(tile => tile is null ? null : new Cell(tile, minTileSide)).ToArray())];
        int[] widths = [.. columns.Select((_, column) => Math.Max(headings[column].Width, cells.Max(row => row[column]?.Width ?? 0)))];
        int[] heights = [.. cells.Select((row, i) => Math.Max(labels[i].Height, row.Max(cell => cell?.Height ?? 0)))];
        int labelWidth = labels.Max(label => label.Width);

        int left = labelWidth > 0 ? labelWidth + (2 * Gap) : Gap;
        int top = headings.Max(heading => heading.Height) + (2 * Gap);
        (int height, int width) = (top + heights.Sum(row => row + Gap), left + widths.Sum(column => column + Gap));
        if ((long)height * width > MaxPixels) throw new ArgumentException($"A sheet of {width} x {height} pixels is too large.", nameof(rows));

        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(Grey);
        for (int column = 0, x = left; column < columns.Count; x += widths[column++] + Gap)
            headings[column].Draw(canvas, Gap, x + ((widths[column] - headings[column].Width) / 2));
        for (int row = 0, y = top; row < rows.Count; y += heights[row++] + Gap)
        {
            int captions = cells[row].Max(cell => cell?.Caption.Height ?? 0);
            labels[row].Draw(canvas, y + Math.Max(0, (heights[row] - captions - labels[row].Height) / 2), left - Gap - labels[row].Width);
            for (int column = 0, x = left; column < columns.Count; x += widths[column++] + Gap)
                cells[row][column]?.Draw(canvas, y, x, widths[column]);
        }

        using SKData png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    // A line of text. Its height depends on the font size only, so that baselines agree; blank text takes no room.
    private sealed class Line
    {
        private readonly string _text;
        private readonly int _size;

        internal Line(string text, int size)
        {
            var line = new StringBuilder();
            foreach (Rune rune in text.EnumerateRunes().Take(MaxLetters)) line.Append(Rune.IsControl(rune) ? " " : rune.ToString());
            (_text, _size) = (line.ToString(), size);
            if (string.IsNullOrWhiteSpace(_text)) return;
            using SKFont font = Font();
            (Height, Width) = (size + ((size + 2) / 3), (int)Math.Ceiling(font.MeasureText(_text)));
        }

        internal int Height { get; }

        internal int Width { get; }

        internal void Draw(SKCanvas canvas, int top, int left)
        {
            if (Width == 0) return;
            using SKFont font = Font();
            using var white = new SKPaint { Color = SKColors.White, IsAntialias = true };
            canvas.DrawText(_text, left, top + _size, SKTextAlign.Left, font, white);
        }

        private SKFont Font() => new(Typeface, _size) { Edging = SKFontEdging.Antialias, Subpixel = true };
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
            Caption = new Line(tile.Caption, SmallFont);
        }

        internal Line Caption { get; }

        internal int Height => (_image.Height * _factor) + Space + Caption.Height;

        internal int Width => Math.Max(_image.Width * _factor, Caption.Width);

        internal void Draw(SKCanvas canvas, int top, int left, int width)
        {
            (int right, int down) = (_image.Width * _factor, _image.Height * _factor);
            using SKImage picture = Picture();
            canvas.DrawImage(picture, SKRect.Create(left + ((width - right) / 2), top, right, down), new SKSamplingOptions(SKFilterMode.Nearest));
            Caption.Draw(canvas, top + down + Space, left + ((width - Caption.Width) / 2));
        }

        private SKImage Picture()
        {
            int plane = _image.Height * _image.Width, further = _image.Channels == 3 ? plane : 0;
            byte[] samples = new byte[4 * plane];
            for (int i = 0; i < plane; i++)
            {
                for (int channel = 0; channel < 3; channel++)
                {
                    samples[(4 * i) + channel] = (byte)MathF.Round(Math.Clamp(_image.Values[(channel * further) + i], 0, 1) * 255);
                }

                samples[(4 * i) + 3] = 255;
            }

            return SKImage.FromPixelCopy(new SKImageInfo(_image.Width, _image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), samples);
        }
    }
}

/// <summary>One row of a contact sheet.</summary>
/// <param name="Label">What is written to the left of it.</param>
/// <param name="Tiles">One per column; null leaves a gap.</param>
internal sealed record ContactSheetRow(string Label, IReadOnlyList<ContactSheetTile?> Tiles);

/// <summary>One picture of a contact sheet.</summary>
/// <param name="Image">The picture; values are clipped to [0,1].</param>
/// <param name="Caption">What is written under it, for example <c>31.2 dB</c>.</param>
internal sealed record ContactSheetTile(Image Image, string Caption = "");
