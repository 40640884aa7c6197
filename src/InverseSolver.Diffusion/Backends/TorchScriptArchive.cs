using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Backends;

/// <summary>Looks at a TorchScript file, a zip archive, before libtorch does.</summary>
internal static partial class TorchScriptArchive
{
    internal const string FileName = "model.pt";
    private const int MaxEntries = 100_000;

    // torch.jit.save stores tensors as they are and packs only code.
    private const long MaxGrowth = 64 << 20;

    /// <summary>
    /// Refuses content that <c>torch.jit.save</c> does not write: entries that expand out of proportion when they are unpacked, names that leave the archive,
    /// checkpoints without code.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The file as messages show it.</param>
    /// <exception cref="InvalidModelException">The archive is not such a file.</exception>
    internal static void Check(string path, string name)
    {
        using var stream = new FileStream(ModelFile.Open(path, name), FileAccess.Read);
        try
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read);
            Check(archive, stream.Length, name);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or ArgumentException or IOException)
        {
            throw new InvalidModelException($"{name} is not a TorchScript file: its zip archive is incomplete.", e);
        }
    }

    /// <summary>The names of the arguments of <c>forward</c> in the archive's code, without those that have a default.</summary>
    /// <param name="path">A file that libtorch can load.</param>
    /// <param name="name">The file as messages show it.</param>
    /// <exception cref="InvalidModelException">The module has no forward.</exception>
    internal static IEnumerable<string> Arguments(string path, string name)
    {
        using var archive = new ZipArchive(new FileStream(ModelFile.Open(path, name), FileAccess.Read), ZipArchiveMode.Read);
        string root = archive.Entries[0].FullName.Split('/')[0] + "/";

        // The pickle begins with the protocol and the name of the module's class: c__torch__.package\nNet\n. The code of a class lies in the file of its
        // package.
        string pickle = Text(archive.GetEntry(root + "data.pkl")!, 4096);
        Match type = PickledType().Match(pickle);
        string file = $"{root}code/{type.Groups[1].Value.Replace('.', '/')}.py";
        string code = type.Success && archive.GetEntry(file) is { } entry ? Text(entry, (int)Math.Min(entry.Length, MaxGrowth)) : "";
        int start = code.IndexOf($"def forward(self: {type.Groups[1].Value}.{type.Groups[2].Value}", StringComparison.Ordinal);
        if (start < 0)
        {
            throw new InvalidModelException($"{name} has no method forward.");
        }

        return Arguments(code[start..]);
    }

    // def forward(self: __torch__.Net, sample: Tensor, context: Optional[Tensor]=None) -> Tensor
    private static List<string> Arguments(string declaration)
    {
        var names = new List<string>();
        int depth = 0, start = declaration.IndexOf('(', StringComparison.Ordinal) + 1;
        for (int i = start; i < declaration.Length && depth >= 0; i++)
        {
            depth += declaration[i] is '(' or '[' ? 1 : declaration[i] is ')' or ']' ? -1 : 0;
            if (depth < 0 || (depth == 0 && declaration[i] == ','))
            {
                string argument = declaration[start..i].Trim();
                start = i + 1;
                string argumentName = argument.Split(':')[0].Trim();
                if (argumentName is not ("self" or "") && !argument.Contains('=', StringComparison.Ordinal))
                {
                    names.Add(argumentName);
                }
            }
        }

        return names;
    }

    private static string Text(ZipArchiveEntry entry, int most)
    {
        using Stream stream = entry.Open();
        byte[] bytes = new byte[most];
        return Encoding.Latin1.GetString(bytes, 0, stream.ReadAtLeast(bytes, most, throwOnEndOfStream: false));
    }

    [GeneratedRegex(@"^\x80.c(__torch__[\w.]*)\n(\w+)\n", RegexOptions.Singleline)]
    private static partial Regex PickledType();

    private static void Check(ZipArchive archive, long size, string name)
    {
        if (archive.Entries.Count > MaxEntries)
        {
            throw new InvalidModelException($"{name} has more than {MaxEntries} entries.");
        }

        long packed = 0, grown = 0;
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            string[] parts = entry.FullName.Split('/');
            if (parts.Any(part => part is "" or "." or "..") || entry.FullName.Contains('\\', StringComparison.Ordinal) || Path.IsPathRooted(entry.FullName))
            {
                throw new InvalidModelException($"{name} has an entry {InvalidModelException.Quote(entry.FullName)}, which points outside the archive.");
            }

            packed += entry.CompressedLength;
            grown += entry.Length - entry.CompressedLength;
            if (packed > size || entry.Length < 0 || grown > MaxGrowth)
            {
                throw new InvalidModelException(
                    $"{name}: the entry {InvalidModelException.Quote(entry.FullName)} claims {entry.Length} bytes in {entry.CompressedLength}, "
                        + "more than TorchScript's compression allows.");
            }
        }

        string root = archive.Entries.Count > 0 ? archive.Entries[0].FullName.Split('/')[0] + "/" : "";
        if (archive.GetEntry(root + "data.pkl") is null || !archive.Entries.Any(entry => entry.FullName.StartsWith(root + "code/", StringComparison.Ordinal)))
        {
            throw new InvalidModelException(
                $"{name} is not a TorchScript file: it holds no code, and may be a checkpoint of torch.save. Write it with torch.jit.save.");
        }
    }
}
