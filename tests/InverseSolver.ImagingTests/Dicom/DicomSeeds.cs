using InverseSolver.UnitTests;

namespace InverseSolver.ImagingTests;

/// <summary>DICOM files that DCMTK makes from the dumps in fixtures/dicom: 16 x 12 pixels, pixel i counted row by row.</summary>
internal sealed class DicomSeeds : IDisposable
{
    internal const int Rows = 12;
    internal const int Columns = 16;

    private static readonly string Dumps = Path.Combine(Repository.Root, "tests", "InverseSolver.ImagingTests", "fixtures", "dicom");
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-dicom-");

    /// <summary>As <see cref="Make"/>, of a file alone.</summary>
    internal static byte[] File(string dump, string? conversion = null)
    {
        using var seeds = new DicomSeeds();
        return seeds.Make(dump, conversion);
    }

    /// <summary>The folder for a test's files.</summary>
    internal string Folder => _folder.FullName;

    /// <summary>The file of a dump, sent through one of DCMTK's converters if named: "dcmconv +tb".</summary>
    internal byte[] Make(string dump, string? conversion = null)
    {
        string plain = Path.Combine(Folder, dump + ".dcm"), converted = Path.Combine(Folder, dump + "-converted.dcm");
        Judge.Run("dump2dcm", Path.Combine(Dumps, dump + ".dump"), plain);
        if (conversion is null) return System.IO.File.ReadAllBytes(plain);
        string[] words = conversion.Split(' ');
        Judge.Run(words[0], [.. words[1..], plain, converted]);
        return System.IO.File.ReadAllBytes(converted);
    }

    /// <summary>Writes a file for a program to judge.</summary>
    internal string Save(string name, byte[] bytes)
    {
        string path = Path.Combine(Folder, name);
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
