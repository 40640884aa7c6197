using InverseSolver.Cli.Sheets;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Cli;

public class ContactSheetTests
{
    private const float Grey = 89 / 255f;

    [Fact]
    public void Small_pictures_are_enlarged_pixel_by_pixel()
    {
        var picture = new Image(3, 1, 2, [1, 0, 0, 1, 0, 0]); // a red pixel and a green one
        Image sheet = Draw([""], [new ContactSheetRow("", [new ContactSheetTile(picture)])], minTileSide: 5);
        int[] red = Where(sheet, 1, 0, 0), green = Where(sheet, 0, 1, 0);
        Assert.Equal(9, red.Length);
        Assert.Equal(9, green.Length);
        Assert.Equal(red.Select(i => i + 3), green);
        Assert.Equal((sheet.Height * sheet.Width) - 18, Where(sheet, Grey, Grey, Grey).Length);
    }

    [Fact]
    public void Pictures_that_are_large_enough_keep_their_size_and_values()
    {
        float[] values = [.. Enumerable.Range(0, 64).Select(i => i / 255f)];
        Image sheet = Draw([""], [new ContactSheetRow("", [new ContactSheetTile(new Image(1, 8, 8, values))])], minTileSide: 8);
        int corner = Enumerable.Range(0, sheet.Width * sheet.Height).First(i => sheet.Values[i] == 0);
        Assert.Equal(values, Enumerable.Range(0, 64).Select(i => sheet.Values[corner + (i / 8 * sheet.Width) + (i % 8)]));
    }

    [Fact]
    public void Headings_labels_and_captions_are_written_beside_the_pictures()
    {
        var black = new Image(1, 64, 64, new float[64 * 64]);
        Image bare = Draw([""], [new ContactSheetRow("", [new ContactSheetTile(black)])], 64);
        Image heading = Draw(["x̂ & y"], [new ContactSheetRow("", [new ContactSheetTile(black)])], 64);
        Image label = Draw([""], [new ContactSheetRow("<ReSample>", [new ContactSheetTile(black)])], 64);
        Image caption = Draw([""], [new ContactSheetRow("", [new ContactSheetTile(black, "31.2 dB")])], 64);

        Assert.DoesNotContain(bare.Values, value => value > 0.9f);
        Assert.True(heading.Height > bare.Height && heading.Width == bare.Width);
        Assert.True(label.Width > bare.Width && label.Height == bare.Height);
        Assert.True(caption.Height > bare.Height && caption.Width == bare.Width);
        Assert.All(White(heading), at => Assert.True(at.Y < heading.Height - 64 - 12));
        Assert.All(White(label), at => Assert.True(at.X < label.Width - 64 - 12));
        Assert.All(White(caption), at => Assert.True(at.Y >= 24 + 64));
    }

    [Fact]
    public void Rows_and_columns_line_up_and_a_gap_stays_grey()
    {
        ContactSheetTile white = new(new Image(1, 1, 1, [1])), black = new(new Image(1, 1, 1, [0]));
        Image sheet = Draw(["", ""], [new ContactSheetRow("", [white, black]), new ContactSheetRow("", [null, black])], 10);
        int[] whites = Where(sheet, 1, 1, 1), blacks = Where(sheet, 0, 0, 0);
        Assert.Equal(100, whites.Length);
        Assert.Equal(200, blacks.Length);
        Assert.Equal(whites[0] / sheet.Width, blacks[0] / sheet.Width);
        Assert.Equal(blacks[0] % sheet.Width, blacks[100] % sheet.Width);
    }

    [Fact]
    public void A_sheet_without_pictures_or_with_ragged_rows_is_the_callers_mistake()
    {
        Assert.Throws<ArgumentException>(() => ContactSheet.Draw([], []));
        Assert.Throws<ArgumentException>(() => ContactSheet.Draw(["a", "b"], [new ContactSheetRow("", [null])]));
    }

    private static Image Draw(IReadOnlyList<string> columns, IReadOnlyList<ContactSheetRow> rows, int minTileSide = 256) =>
        ImageFile.Read(ContactSheet.Draw(columns, rows, minTileSide), new ImageLimits());

    private static int[] Where(Image sheet, float red, float green, float blue)
    {
        int pixels = sheet.Height * sheet.Width;
        return [.. Enumerable.Range(0, pixels)
            .Where(i => sheet.Values[i] == red && sheet.Values[pixels + i] == green && sheet.Values[(2 * pixels) + i] == blue)];
    }

    private static List<(int Y, int X)> White(Image sheet)
    {
        List<(int Y, int X)> found =
            [.. Enumerable.Range(0, sheet.Height * sheet.Width).Where(i => sheet.Values[i] > 0.9f)
                .Select(i => (i / sheet.Width, i % sheet.Width))];
        Assert.True(found.Count > 20);
        return found;
    }
}
