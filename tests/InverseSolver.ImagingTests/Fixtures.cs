using InverseSolver.UnitTests;

namespace InverseSolver.ImagingTests;

/// <summary>Small files that Pillow, NumPy and NiBabel wrote. The pictures are 5 x 3: red (and grey) 10 + 60 y + 9 x, green 255 - red, blue 50 x.</summary>
internal static class Fixtures
{
    private static readonly string Folder = Repository.File("tests", "InverseSolver.ImagingTests", "fixtures");

    internal static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(Folder, name));

    internal static IEnumerable<string> Names(params string[] extensions) => NamesIn("", extensions);

    internal static IEnumerable<string> NamesIn(string folder, params string[] extensions) =>
        Directory.EnumerateFiles(Path.Combine(Folder, folder)).Select(path => Path.GetFileName(path)).Where(name =>
            extensions.Any(name.EndsWith)).Order(StringComparer.Ordinal);

    internal static float[] Picture(int channels)
    {
        float[] values = new float[channels * 15];
        for (int i = 0; i < values.Length; i++)
        {
            int x = i % 5, grey = 10 + (60 * (i / 5 % 3)) + (9 * x);
            values[i] = (i / 15) switch { 0 => grey, 1 => 255 - grey, _ => 50 * x } / 255f;
        }
        return values;
    }
}
