namespace InverseSolver.Diffusion.Packages;

/// <summary>
/// The model packages in a list of folders, and the one owner of those that are loaded. A folder counts as a package itself or as a place that holds packages.
/// On each device there is one copy of a version of a model, loaded on first use and shared by all leases. Unused copies are removed
/// when another one needs their memory, the longest unused first. Safe for use by several threads.
/// </summary>
public sealed class ModelCatalog : IDisposable
{
    // Cancellation is looked at this often while a thread waits for room.
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    private readonly PackageIndex _index;
    private readonly ModelOptions _options;
    private readonly long? _memoryBytes;
    private readonly object _gate = new();
    private readonly List<ResidentModel> _copies = [];
    private readonly Dictionary<string, Lock> _loading = [];
    private readonly Dictionary<string, string> _failures = new(StringComparer.Ordinal);

    /// <summary>Names the folders; they are looked through with every question.</summary>
    /// <param name="folders">The folders to search; a missing one counts as empty.</param>
    /// <param name="options">The options for loading models.</param>
    /// <param name="memoryBytes">Bytes that models' weights may take on each device; null for half of its memory.</param>
    public ModelCatalog(IEnumerable<string> folders, ModelOptions? options = null, long? memoryBytes = null)
    {
        _options = options ?? new ModelOptions();
        _memoryBytes = memoryBytes;
        _index = new PackageIndex(folders, _options);
    }

    /// <summary>
    /// Returns the default folder of models: <c>models</c> in the working directory, else beside the program or in the nearest folder above it, where it holds
    /// a package.
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

        static bool HoldsPackages(string folder) => Directory.Exists(folder) && PackageIndex.PackagesIn(folder).Any();
    }

    /// <summary>Every usable package as it is on disk now, by id; the hash is filled in where it is known without reading weights.</summary>
    public IReadOnlyList<ModelInfo> Models => [.. _index.Scan().Usable.Values.Select(InfoOf).OrderBy(i => i.Id, StringComparer.Ordinal)];

    /// <summary>Packages that cannot be used, and why.</summary>
    public IReadOnlyList<BrokenModel> Broken => _index.Scan().Broken;

    /// <summary>The description of a model; null where there is none of that id.</summary>
    public ModelInfo? Find(string id) => _index.Find(id) is { } package ? InfoOf(package) : null;

    /// <summary>The folder of a model's package; null where there is none of that id.</summary>
    public string? FolderOf(string id) => _index.Find(id)?.Folder;

    /// <summary>The content of a package; null where there is none of that id.</summary>
    /// <exception cref="InvalidModelException">A file is missing or cannot be read.</exception>
    public PackageDetails? Describe(string id)
    {
        if (_index.Find(id) is not { } package)
        {
            return null;
        }

        return PackageDetails.Read(package, WithHash(package, _index.HashOf(package)), _index);
    }

    /// <summary>
    /// The description of a model with the hash of its current files: from its card, or computed once for each state of the files. No weights are loaded.
    /// </summary>
    /// <param name="id">Its id.</param>
    /// <param name="devices">The devices on which it may compute; it must fit on one of them.</param>
    /// <returns>Null where there is none of that id.</returns>
    /// <exception cref="InvalidModelException">A file is missing or cannot be read.</exception>
    /// <exception cref="ModelUnavailableException">Its weights are too large for each of the devices.</exception>
    public ModelInfo? FindVersion(string id, params IReadOnlyList<Device> devices)
    {
        if (_index.Find(id) is not { } package)
        {
            return null;
        }

        if (devices.MaxBy(BudgetOf) is { } widest && package.ExpectedBytes > BudgetOf(widest))
        {
            throw TooLarge(package, widest);
        }

        return WithHash(package, _index.HashOf(package));
    }

    /// <summary>The copies of a model that are in memory.</summary>
    public IReadOnlyList<LoadedModel> LoadedOf(string id)
    {
        lock (_gate)
        {
            return [.. _copies.Where(copy => copy.Id == id).Select(copy => copy.Describe())];
        }
    }

    /// <summary>The reason why the last attempt to load a model failed; null where it succeeded or there was none.</summary>
    public string? FailureOf(string id)
    {
        lock (_gate)
        {
            return _failures.GetValueOrDefault(id);
        }
    }

    /// <summary>The number of callers that wait for the memory of models in use.</summary>
    public int Waiting { get; private set; }

    /// <summary>Bytes that weights may take on a device.</summary>
    public long BudgetOf(Device device) => _memoryBytes
        ?? (device.type == DeviceType.CUDA ? Backend.MemoryOf(device) : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) / 2;

    /// <summary>Leases a model, and loads it if necessary. Concurrent callers load it once; where models in use occupy the memory, the call waits.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="device">The device to compute on.</param>
    /// <param name="hash">The version that must be had, from <see cref="FindVersion"/>; null for the one that is on disk now.</param>
    /// <param name="wait">True to wait for memory; else there is an exception.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="InvalidModelException">Its files cannot be used; nothing of it stays in memory, and the next call tries anew.</exception>
    /// <exception cref="ModelUnavailableException">There is none of that id, only another version of it, or no memory for it.</exception>
    public ModelLease Acquire(string id, Device device, string? hash = null, bool wait = true, CancellationToken cancellation = default)
    {
        device = device is { type: DeviceType.CUDA, index: < 0 } ? new Device(DeviceType.CUDA, 0) : device;
        _options.For(id).Check(device);
        if (hash is not null && Take(id, device, hash) is { } there)
        {
            return LeaseOf(there, cancellation);
        }

        Package package = PackageOf(id);
        if (package.ExpectedBytes > BudgetOf(device))
        {
            throw TooLarge(package, device);
        }

        string current = _index.HashOf(package);
        if (hash is not null && hash != current)
        {
            throw new ModelUnavailableException(
                Unavailability.Changed,
                $"The model '{id}' was changed: its files are the version {current[..12]}…, not {hash[..Math.Min(12, hash.Length)]}….");
        }

        (ResidentModel copy, bool mine) = Reserve(package, device, current, wait, cancellation);
        if (mine)
        {
            Load(copy, package);
        }

        return LeaseOf(copy, cancellation);
    }

    /// <summary>Removes a model from memory without waiting: leases stay valid, and its memory is released with the last of them.</summary>
    /// <returns>The number of copies.</returns>
    public int Unload(string id)
    {
        lock (_gate)
        {
            ResidentModel[] those = [.. _copies.Where(copy => copy.Id == id && !copy.Retired)];
            foreach (ResidentModel copy in those)
            {
                copy.Retired = true;
                DropIfUnused(copy);
            }

            return those.Length;
        }
    }

    /// <summary>Removes all unused copies from a device.</summary>
    /// <returns>Their number.</returns>
    public int UnloadUnused(Device device)
    {
        lock (_gate)
        {
            ResidentModel[] those = [.. _copies.Where(copy => copy.Device.Is(device) && copy.Users == 0)];
            foreach (ResidentModel copy in those)
            {
                copy.Retired = true;
                DropIfUnused(copy);
            }

            return those.Length;
        }
    }

    /// <summary>Disposes every loaded model; those in use when they are given back.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (ResidentModel copy in _copies.ToArray())
            {
                copy.Retired = true;
                DropIfUnused(copy);
            }
        }
    }

    private Package PackageOf(string id) => _index.Find(id) ?? throw new ModelUnavailableException(Unavailability.Unknown, $"There is no model '{id}'.");

    private ModelInfo InfoOf(Package package) => WithHash(package, _index.KnownHash(package));

    // A network in a file computes in the file's element type.
    private ModelInfo WithHash(Package package, string? hash) => package.Info with
    {
        Hash = hash,
        Precision = package.Info.Backends?.Denoiser == "libtorch" ? ModelOptions.NameOf(_options.For(package.Info.Id).DenoiserType) : package.Info.Precision,
    };

    private ResidentModel? Take(string id, Device device, string hash)
    {
        lock (_gate)
        {
            ResidentModel? copy = _copies.Find(one => one.Id == id && one.Device.Is(device) && one.Hash == hash && !one.Retired);
            copy?.Enter();
            return copy;
        }
    }

    // The copy, leased to the caller, and true where the caller has to load it.
    private (ResidentModel Copy, bool Mine) Reserve(Package package, Device device, string hash, bool wait, CancellationToken cancellation)
    {
        lock (_gate)
        {
            while (true)
            {
                if (Take(package.Info.Id, device, hash) is { } there)
                {
                    return (there, false);
                }

                if (MakeRoom(package, device, wait))
                {
                    var copy = new ResidentModel(package.Info.Id, device, hash, package.ExpectedBytes);
                    copy.Enter();
                    _copies.Add(copy);
                    return (copy, true);
                }

                cancellation.ThrowIfCancellationRequested();
                Waiting++;
                Monitor.Wait(_gate, PollInterval);
                Waiting--;
            }
        }
    }

    private bool MakeRoom(Package package, Device device, bool wait)
    {
        (long needed, long budget) = (package.ExpectedBytes, BudgetOf(device));
        while (_copies.Where(copy => copy.Device.Is(device)).Sum(copy => copy.Bytes) is var taken && taken > budget - needed)
        {
            if (_copies.Where(copy => copy.Device.Is(device) && copy.Users == 0).MinBy(copy => copy.LastUsed) is not { } unused)
            {
                return wait ? false : throw new ModelUnavailableException(
                    Unavailability.NoRoom,
                    $"The weights of the model '{package.Info.Id}' take {Size(needed)} on {device}, and models in use take {Size(taken)} of the "
                        + $"{Size(budget)} for all models (Models:MemoryBytes).");
            }

            unused.Retired = true;
            DropIfUnused(unused);
        }

        return true;
    }

    private void Load(ResidentModel copy, Package package)
    {
        try
        {
            using Lock.Scope turn = LoadingTurn(copy.Device).EnterScope();
            LatentModel model = ModelPackage.Load(package.Folder, copy.Device, _options.For(copy.Id));
            if (model.Info.Hash != copy.Hash || !_index.IsUnchanged(package))
            {
                model.Dispose();
                throw new InvalidModelException($"The files of the model '{copy.Id}' changed while they were read.");
            }

            lock (_gate)
            {
                copy.Succeed(model);
                _failures.Remove(copy.Id);
                Monitor.PulseAll(_gate);
            }
        }
        catch (Exception e)
        {
            lock (_gate)
            {
                _copies.Remove(copy);
                _failures[copy.Id] = e is InvalidModelException ? e.Message : e.IsOutOfMemory ? e.FirstLine : "It could not be loaded.";
                copy.Fail(e);
                Monitor.PulseAll(_gate);
            }
        }
    }

    private Lock LoadingTurn(Device device)
    {
        lock (_gate)
        {
            return _loading.TryGetValue(device.ToString(), out Lock? turn) ? turn : _loading[device.ToString()] = new Lock();
        }
    }

    private ModelLease LeaseOf(ResidentModel copy, CancellationToken cancellation)
    {
        try
        {
            return new ModelLease(copy.Wait(cancellation), () => Release(copy));
        }
        catch
        {
            Release(copy);
            throw;
        }
    }

    private void Release(ResidentModel copy)
    {
        lock (_gate)
        {
            copy.Leave();
            DropIfUnused(copy);
            Monitor.PulseAll(_gate);
        }
    }

    private void DropIfUnused(ResidentModel copy)
    {
        if (copy.Retired && copy.Users == 0)
        {
            _copies.Remove(copy);
            copy.Dispose();
        }
    }

    private ModelUnavailableException TooLarge(Package package, Device device) => new(
        Unavailability.TooLarge,
        $"The weights of the model '{package.Info.Id}' take {Size(package.ExpectedBytes)} on {device}; "
            + $"all models together may take {Size(BudgetOf(device))} there (Models:MemoryBytes).");

    private static string Size(long bytes) => bytes >= 10L << 20 ? $"{bytes >> 20} MiB" : $"{bytes} bytes";
}
