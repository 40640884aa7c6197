using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Packages;

/// <summary>Lists the files of a package without opening them: their sizes and times, the targets of links, and changes.</summary>
internal static class PackageStamps
{
    /// <summary>Folders within folders that are looked into.</summary>
    internal const int MaxDepth = 3;

    private const int MaxFiles = 1000;

    /// <summary>
    /// Every file of a package with its stamp, by its name from the package's folder. Names that begin with a dot are left out: nothing reads them.
    /// </summary>
    /// <param name="folder">The package's folder.</param>
    /// <param name="roots">The folders that models may lie in, as <see cref="ModelFile.RealPath"/> gives them.</param>
    /// <exception cref="InvalidModelException">A link leads out of all of them or nowhere, or there are too many files.</exception>
    internal static SortedDictionary<string, FileStamp> Of(string folder, IReadOnlyList<string> roots)
    {
        var stamps = new SortedDictionary<string, FileStamp>(StringComparer.Ordinal);
        int entries = 0;
        Add(folder, "", MaxDepth, roots, stamps, ref entries);
        return stamps;
    }

    private static void Add(string folder, string prefix, int depth, IReadOnlyList<string> roots, SortedDictionary<string, FileStamp> stamps, ref int entries)
    {
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            // Folders count too: links can make few of them look like very many.
            if (++entries > MaxFiles)
            {
                throw new InvalidModelException($"The package holds more than {MaxFiles} files.");
            }

            if (entry.Name.StartsWith('.'))
            {
                continue;
            }

            string name = prefix + entry.Name;
            string quoted = InvalidModelException.Quote(name);
            string real = ModelFile.RealPath(entry.FullName) ?? throw new InvalidModelException($"{quoted} is a link without a target.");
            if (!roots.Any(root => real.StartsWith(root + "/", StringComparison.Ordinal)))
            {
                throw new InvalidModelException($"{quoted} is a link to a place outside the folders of models; links must stay inside them.");
            }

            if (Directory.Exists(entry.FullName))
            {
                if (depth > 0)
                {
                    Add(entry.FullName, name + "/", depth - 1, roots, stamps, ref entries);
                }
            }
            else if (ModelFile.StampOf(entry.FullName) is { } stamp)
            {
                stamps[name] = stamp;
            }
        }
    }
}
