using System.Collections.Concurrent;
using System.Text;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Packages;

/// <summary>A usable package as it was when its files had these stamps.</summary>
/// <param name="Folder">Its folder.</param>
/// <param name="Info">Its description.</param>
/// <param name="Parts">The files that make up the model.</param>
/// <param name="ExpectedBytes">Bytes of the loaded weights.</param>
/// <param name="Stamps">Its files.</param>
internal sealed record Package(string Folder, ModelInfo Info, string[] Parts, long ExpectedBytes, SortedDictionary<string, FileStamp> Stamps);

/// <summary>
/// The packages in a list of folders, as they are on disk: each query compares the files' sizes and times, and reads only changed ones.
/// Safe for use by several threads.
/// </summary>
internal sealed class PackageIndex(IEnumerable<string> folders, ModelOptions options)
{
    private readonly string[] _folders = [.. folders.Select(Path.GetFullPath)];
    private readonly Lock _gate = new();
    private readonly Lock _hashing = new();
    private readonly Dictionary<string, Seen> _seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (FileStamp Stamp, string Hash)> _hashes = new(StringComparer.Ordinal);

    /// <summary>All packages, usable ones by id and those that cannot be used.</summary>
    internal (IReadOnlyDictionary<string, Package> Usable, IReadOnlyList<BrokenModel> Broken) Scan()
    {
        using Lock.Scope turn = _gate.EnterScope();
        var usable = new Dictionary<string, Package>(StringComparer.Ordinal);
        var broken = new List<BrokenModel>();
        string[] roots = Roots(), found = [.. _folders.Where(Directory.Exists).SelectMany(PackagesIn).Distinct()];
        foreach (string gone in _seen.Keys.Except(found).ToArray())
        {
            _seen.Remove(gone);
        }

        foreach (string folder in found)
        {
            (Package? package, string? reason) = Look(folder, roots);
            if (package is null || !usable.TryAdd(package.Info.Id, package))
            {
                broken.Add(new BrokenModel(ModelPackage.NameOf(folder), reason ?? $"Another package has the id '{package!.Info.Id}'."));
            }
        }

        return (usable, broken);
    }

    /// <summary>The package of an id as it is now; null where there is none.</summary>
    internal Package? Find(string id) => Scan().Usable.GetValueOrDefault(id);

    /// <summary>True where a package's files are still those that were read.</summary>
    internal bool IsUnchanged(Package package)
    {
        try
        {
            return PackageStamps.Of(package.Folder, Roots()).SequenceEqual(package.Stamps);
        }
        catch (Exception e) when (e is InvalidModelException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>A model's hash: from its card, else its files are hashed, once for each state of theirs.</summary>
    /// <exception cref="InvalidModelException">A file is missing or cannot be read.</exception>
    internal string HashOf(Package package)
    {
        if (KnownHash(package) is { } known)
        {
            return known;
        }

        return ModelPackage.Combined(package.Folder, package.Parts.Select(part => HashOf(package, part)));
    }

    /// <summary>The SHA-256 of one of a package's files, taken once for each state of it.</summary>
    /// <exception cref="InvalidModelException">It is missing or cannot be read.</exception>
    internal string HashOf(Package package, string file)
    {
        // One at a time, because the disk limits the speed.
        using Lock.Scope turn = _hashing.EnterScope();
        return KnownHash(package, file) ?? TakeHash(package, file);
    }

    /// <summary>A model's hash where it is known without reading weights; null where not.</summary>
    internal string? KnownHash(Package package)
    {
        if (package.Info.Hash is { } declared)
        {
            return declared;
        }

        string?[] parts = [.. package.Parts.Select(part => KnownHash(package, part))];
        return parts.Contains(null) ? null : ModelPackage.Combined(package.Folder, parts!);
    }

    private string? KnownHash(Package package, string file) =>
        package.Stamps.TryGetValue(file, out FileStamp stamp)
            && _hashes.TryGetValue(Path.Combine(package.Folder, file), out (FileStamp Stamp, string Hash) known) && known.Stamp == stamp
            ? known.Hash
            : null;

    /// <summary>Folders that hold packages: themselves, their subfolders, and in a cache of Hugging Face the snapshot that <c>refs/main</c> names.</summary>
    internal static IEnumerable<string> PackagesIn(string folder)
    {
        string full = Path.GetFullPath(folder);
        return ModelPackage.IsPackage(full) || Snapshot(full) is not null
            ? [Snapshot(full) ?? full]
            : Directory.EnumerateDirectories(full).Order(StringComparer.Ordinal).Select(sub => Snapshot(sub) ?? sub).Where(ModelPackage.IsPackage);
    }

    private static string? Snapshot(string repository)
    {
        const int HashLength = 64;
        string main = Path.Combine(repository, "refs", "main");
        if (!Path.GetFileName(repository).StartsWith("models--", StringComparison.Ordinal) || ModelFile.StampOf(main) is not { Bytes: > 0 and <= HashLength })
        {
            return null;
        }

        try
        {
            string revision = Encoding.ASCII.GetString(ModelFile.ReadAll(main, "refs/main", HashLength)).Trim();
            string snapshot = Path.Combine(repository, "snapshots", revision);
            return revision.Length > 0 && revision.All(char.IsAsciiLetterOrDigit) && Directory.Exists(snapshot) ? snapshot : null;
        }
        catch (InvalidModelException)
        {
            return null;
        }
    }

    private string[] Roots() => [.. _folders.Select(ModelFile.RealPath).OfType<string>()];

    private (Package? Package, string? Reason) Look(string folder, string[] roots)
    {
        try
        {
            SortedDictionary<string, FileStamp> stamps = PackageStamps.Of(folder, roots);
            if (!_seen.TryGetValue(folder, out Seen? before) || !before.Stamps.SequenceEqual(stamps))
            {
                _seen[folder] = before = Read(folder, stamps);
            }

            return (before.Package, before.Reason);
        }
        catch (Exception e) when (e is InvalidModelException or IOException or UnauthorizedAccessException)
        {
            _seen.Remove(folder);
            return (null, ReasonOf(e));
        }
    }

    private Seen Read(string folder, SortedDictionary<string, FileStamp> stamps)
    {
        try
        {
            ModelInfo info = ModelPackage.ReadInfo(folder);
            string[] parts = ModelPackage.Parts(folder, info);
            return new Seen(stamps, new Package(folder, info, parts, ModelPackage.ExpectedBytes(folder, parts, options.For(info.Id)), stamps), null);
        }
        catch (Exception e) when (e is InvalidModelException or IOException or UnauthorizedAccessException)
        {
            return new Seen(stamps, null, ReasonOf(e));
        }
    }

    private static string ReasonOf(Exception e) => e is InvalidModelException ? e.Message : "The package cannot be read.";

    private string TakeHash(Package package, string file)
    {
        string path = Path.Combine(package.Folder, file), hash = ModelFile.HashOf(path, file);
        if (package.Stamps.TryGetValue(file, out FileStamp stamp) && ModelFile.StampOf(path) == stamp)
        {
            _hashes[path] = (stamp, hash);
        }

        return hash;
    }

    private sealed record Seen(SortedDictionary<string, FileStamp> Stamps, Package? Package, string? Reason);
}

/// <summary>A package that cannot be used.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="Reason">The reason.</param>
public sealed record BrokenModel(string Name, string Reason);
