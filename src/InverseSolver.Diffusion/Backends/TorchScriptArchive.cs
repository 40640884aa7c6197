using System.IO.Compression;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Backends;

/// <summary>Looks at a TorchScript file, a zip archive, before libtorch does.</summary>
internal static class TorchScriptArchive
{
    internal const string FileName = "model.pt";
    private const int MaxEntries = 100_000;

    // torch.jit.save stores tensors as they are and packs only code.
    private const long MaxGrowth = 64 << 20;

    /// <summary>Refuses what <c>torch.jit.save</c> does not write: entries that grow out of all proportion when they are unpacked, names that leave the archive, checkpoints without code.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The file as messages show it.</param>
    /// <exception cref="InvalidModelException">Says what is wrong.</exception>
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
            throw new InvalidModelException($"{name} is no TorchScript file: it is not a whole zip archive.", e);
        }
    }

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
                throw new InvalidModelException($"{name} has an entry {InvalidModelException.Quote(entry.FullName)}, which leaves the archive.");
            }

            packed += entry.CompressedLength;
            grown += entry.Length - entry.CompressedLength;
            if (packed > size || entry.Length < 0 || grown > MaxGrowth)
            {
                throw new InvalidModelException($"{name}: the entry {InvalidModelException.Quote(entry.FullName)} claims {entry.Length} bytes in {entry.CompressedLength}, more than a TorchScript file unpacks to.");
            }
        }

        string root = archive.Entries.Count > 0 ? archive.Entries[0].FullName.Split('/')[0] + "/" : "";
        if (archive.GetEntry(root + "data.pkl") is null || !archive.Entries.Any(entry => entry.FullName.StartsWith(root + "code/", StringComparison.Ordinal)))
        {
            throw new InvalidModelException($"{name} is no TorchScript file: it holds no code. A checkpoint of torch.save is not one; write it with torch.jit.save.");
        }
    }
}
