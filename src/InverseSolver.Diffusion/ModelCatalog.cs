using InverseSolver.Torch;

namespace InverseSolver.Diffusion;

/// <summary>
/// The model packages in a list of folders. A folder counts as a package itself or as a place that holds packages. Weights are read when a model is
/// first asked for, and kept. Safe for use by several threads.
/// </summary>
public sealed class ModelCatalog : IDisposable
{
    private readonly Dictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private readonly Device device;
    private readonly ModelOptions options;

    /// <summary>Looks through the folders. A package that cannot be used does not keep the others from being listed.</summary>
    /// <param name="folders">Where to look; one that does not exist holds nothing.</param>
    /// <param name="device">Where models go.</param>
    /// <param name="options">How they are loaded.</param>
    public ModelCatalog(IEnumerable<string> folders, Device device = default, ModelOptions? options = null)
    {
        this.device = device;
        this.options = options ?? new ModelOptions();
        this.options.Check(device);
        var broken = new List<BrokenModel>();
        foreach (string folder in folders.Where(Directory.Exists).SelectMany(PackagesIn))
        {
            string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
            try
            {
                ModelInfo info = ModelPackage.ReadInfo(folder);
                if (!entries.TryAdd(info.Id, new Entry(folder, info)))
                {
                    broken.Add(new BrokenModel(name, $"Another package has the id '{info.Id}'."));
                }
            }
            catch (Exception e) when (e is InvalidModelException or IOException or UnauthorizedAccessException)
            {
                broken.Add(new BrokenModel(name, e is InvalidModelException ? e.Message : "The package cannot be read."));
            }
        }

        Broken = broken;
    }

    /// <summary>
    /// Where models are unless somebody says otherwise: <c>models</c> in the working directory, else beside the program or in the nearest
    /// folder above it. A folder counts when it holds a package.
    /// </summary>
    public static string DefaultFolder()
    {
        const string Name = "models";
        string here = Path.GetFullPath(Name);
        if (HoldsPackages(here))
        {
            return here;
        }

        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string models = Path.Combine(folder.FullName, Name);
            if (HoldsPackages(models))
            {
                return models;
            }
        }

        return here;

        static bool HoldsPackages(string folder) => Directory.Exists(folder) && PackagesIn(folder).Any();
    }

    /// <summary>Every usable package, by id. The hash is filled in once a model was loaded.</summary>
    public IReadOnlyList<ModelInfo> Models => [.. entries.Values.Select(e => e.Model?.Info ?? e.Info).OrderBy(i => i.Id, StringComparer.Ordinal)];

    /// <summary>Packages that cannot be used, and why.</summary>
    public IReadOnlyList<BrokenModel> Broken { get; }

    /// <summary>What is known of a model; null where there is none of that id.</summary>
    public ModelInfo? Find(string id) => entries.TryGetValue(id, out Entry? entry) ? entry.Model?.Info ?? entry.Info : null;

    /// <summary>The folder of a model's package; null where there is none of that id.</summary>
    public string? FolderOf(string id) => entries.GetValueOrDefault(id)?.Folder;

    /// <summary>Whether a model's weights are in memory.</summary>
    public bool IsLoaded(string id) => entries.TryGetValue(id, out Entry? entry) && entry.Model is not null;

    /// <summary>A model, loaded if it is not yet. The catalogue owns it: do not dispose it.</summary>
    /// <param name="id">Its id.</param>
    /// <exception cref="KeyNotFoundException">There is none of that id.</exception>
    /// <exception cref="InvalidModelException">Its files cannot be used.</exception>
    public LatentModel Get(string id)
    {
        Entry entry = entries.TryGetValue(id, out Entry? found) ? found : throw new KeyNotFoundException($"There is no model '{id}'.");
        if (entry.Model is { } loaded)
        {
            return loaded;
        }

        lock (entry.Gate)
        {
            return entry.Model ??= ModelPackage.Load(entry.Folder, device, options);
        }
    }

    /// <summary>Lets go of a model's weights. Whoever still computes with it goes on; the memory comes back when the last one is done and the garbage collector has run.</summary>
    /// <returns>Whether it was loaded.</returns>
    public bool Unload(string id)
    {
        if (!entries.TryGetValue(id, out Entry? entry))
        {
            return false;
        }

        lock (entry.Gate)
        {
            bool was = entry.Model is not null;
            entry.Model = null;
            return was;
        }
    }

    /// <summary>Disposes every loaded model.</summary>
    public void Dispose()
    {
        foreach (Entry entry in entries.Values)
        {
            lock (entry.Gate)
            {
                entry.Model?.Dispose();
                entry.Model = null;
            }
        }
    }

    private static IEnumerable<string> PackagesIn(string folder)
    {
        string full = Path.GetFullPath(folder);
        return ModelPackage.IsPackage(full) ? [full] : Directory.EnumerateDirectories(full).Where(ModelPackage.IsPackage).Order(StringComparer.Ordinal);
    }

    private sealed class Entry(string folder, ModelInfo info)
    {
        private volatile LatentModel? model;

        internal string Folder => folder;

        internal ModelInfo Info => info;

        internal Lock Gate { get; } = new();

        internal LatentModel? Model
        {
            get => model;
            set => model = value;
        }
    }
}
