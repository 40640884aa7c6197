using System.Text;
using InverseSolver.Imaging.Interop;

namespace InverseSolver.Imaging;

/// <summary>A rendered line of text: coverage from 0 to 255, row by row. Blank text is empty.</summary>
internal sealed record TextLine(int Height, int Width, byte[] Coverage)
{
    private const int MaxLetters = 200;

    internal static TextLine Render(string text, int fontPixels)
    {
        var line = new StringBuilder();
        foreach (Rune rune in text.EnumerateRunes().Take(MaxLetters)) line.Append(Rune.IsControl(rune) ? " " : rune.ToString());
        if (string.IsNullOrWhiteSpace(line.ToString())) return new TextLine(0, 0, []);
        (int height, int width, byte[] coverage) = NativeImage.RenderText(line.ToString(), fontPixels);
        return new TextLine(height, width, coverage);
    }
}
