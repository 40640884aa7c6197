using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Packages a, b and c, each a small UNet on pixels of one colour, in a folder of their own.</summary>
[LeavesNoTensors]
public sealed class ModelCatalogTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("inverse-test-").FullName;
    private readonly long _bytes;

    // The frequencies of the time embedding, which are computed: four numbers.
    private const long Tables = 16;

    public ModelCatalogTests()
    {
        foreach (string id in new[] { "a", "b", "c" })
        {
            Add(id);
        }

        using var catalog = new ModelCatalog([_root]);
        _bytes = catalog.Describe("a")!.ExpectedBytes;
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void The_bytes_of_the_weights_are_known_from_the_headers_before_they_are_read()
    {
        using var catalog = new ModelCatalog([_root]);
        using ModelLease lease = catalog.Acquire("a", torch.CPU);
        Assert.Equal(new FileInfo(Path.Combine(Folder("a"), "unet", Network.WeightsName)).Length - HeaderBytes(), _bytes);
        Assert.Equal(_bytes + Tables, Assert.Single(catalog.LoadedOf("a")).Bytes);
        using LatentModel brain = ModelPackage.Load(TestData.Brain);
        using var shipped = new ModelCatalog([TestData.Brain]);
        Assert.InRange(brain.WeightBytes - shipped.Describe("brain-mri-128")!.ExpectedBytes, 0, 4096);

        long HeaderBytes() => 8 + BitConverter.ToInt64(File.ReadAllBytes(Path.Combine(Folder("a"), "unet", Network.WeightsName)));
    }

    [Fact]
    public void Those_who_ask_at_once_share_one_copy()
    {
        long before = Tensor.TotalCount;
        using var catalog = new ModelCatalog([_root]);
        var leases = new ModelLease[8];
        Parallel.For(0, leases.Length, new ParallelOptions { MaxDegreeOfParallelism = leases.Length }, i => leases[i] = catalog.Acquire("a", torch.CPU));
        Assert.All(leases, lease => Assert.Same(leases[0].Model, lease.Model));
        Assert.Equal(8, Assert.Single(catalog.LoadedOf("a")).Users);
        Array.ForEach(leases, lease => lease.Dispose());
        Assert.Equal(0, Assert.Single(catalog.LoadedOf("a")).Users);
        catalog.Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void A_model_unloaded_in_use_goes_with_its_last_lease()
    {
        long before = Tensor.TotalCount;
        using var catalog = new ModelCatalog([_root]);
        ModelLease first = catalog.Acquire("a", torch.CPU), second = catalog.Acquire("a", torch.CPU);
        long loaded = Tensor.TotalCount;
        Assert.Equal(1, catalog.Unload("a"));
        Assert.Equal(LoadState.Unloading, Assert.Single(catalog.LoadedOf("a")).State);
        first.Dispose();
        first.Dispose();
        using (Tensor x = torch.zeros([1, 1, 8, 8]), still = second.Model.Encode(x))
        {
            Assert.Equal([1, 1, 8, 8], still.shape);
        }

        using (ModelLease anew = catalog.Acquire("a", torch.CPU))
        {
            Assert.NotSame(second.Model, anew.Model);
            Assert.Equal(2, catalog.LoadedOf("a").Count);
        }

        second.Dispose();
        Assert.Single(catalog.LoadedOf("a"));
        Assert.Equal(1, catalog.Unload("a"));
        Assert.Empty(catalog.LoadedOf("a"));
        Assert.Equal(0, catalog.Unload("a"));
        Assert.InRange(Tensor.TotalCount, before, loaded - 1);
    }

    [Fact]
    public void The_longest_unused_goes_first_and_never_one_in_use()
    {
        using var catalog = new ModelCatalog([_root], memoryBytes: 2 * (_bytes + Tables));
        catalog.Acquire("a", torch.CPU).Dispose();
        catalog.Acquire("b", torch.CPU).Dispose();
        catalog.Acquire("a", torch.CPU).Dispose();
        catalog.Acquire("c", torch.CPU).Dispose();
        Assert.Equal(["a", "c"], Loaded(catalog));
        using (catalog.Acquire("a", torch.CPU))
        {
            catalog.Acquire("c", torch.CPU).Dispose();
            catalog.Acquire("b", torch.CPU).Dispose();
            Assert.Equal(["a", "b"], Loaded(catalog));
        }
    }

    [Fact]
    public void A_model_larger_than_all_the_memory_is_refused_with_both_sizes_and_unread()
    {
        long before = Tensor.TotalCount;
        using var catalog = new ModelCatalog([_root], memoryBytes: _bytes - 1);
        var e = Assert.Throws<ModelUnavailableException>(() => catalog.Acquire("a", torch.CPU));
        Assert.Equal(Unavailability.TooLarge, e.Reason);
        Assert.Equal(
            $"The weights of the model 'a' take {_bytes} bytes on cpu; all models together may take {_bytes - 1} bytes there (Models:MemoryBytes).", e.Message);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Empty(catalog.LoadedOf("a"));
    }

    [Fact]
    public async Task Where_models_in_use_take_the_memory_one_waits_or_is_refused()
    {
        using var catalog = new ModelCatalog([_root], memoryBytes: _bytes + Tables + 1);
        ModelLease a = catalog.Acquire("a", torch.CPU);
        var e = Assert.Throws<ModelUnavailableException>(() => catalog.Acquire("b", torch.CPU, wait: false));
        Assert.Equal(Unavailability.NoRoom, e.Reason);
        Assert.Contains(
            $"take {_bytes} bytes on cpu, and models in use take {_bytes + Tables} bytes of the {_bytes + Tables + 1} bytes",
            e.Message, StringComparison.Ordinal);

        using var cancel = new CancellationTokenSource();
        Task<ModelLease> cancelled = Task.Run(() => catalog.Acquire("b", torch.CPU, cancellation: cancel.Token));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);

        Task<ModelLease> waiting = Task.Run(() => catalog.Acquire("b", torch.CPU));
        Assert.Equal(["a"], Loaded(catalog));
        a.Dispose();
        using ModelLease b = await waiting;
        Assert.Equal(["b"], Loaded(catalog));
    }

    [Fact]
    public void A_failed_load_leaves_nothing_and_the_next_one_tries_anew()
    {
        using var catalog = new ModelCatalog([_root]);
        string weights = Path.Combine(Folder("a"), "unet", Network.WeightsName);
        byte[] good = File.ReadAllBytes(weights);
        File.WriteAllBytes(weights, [.. good[..^4], 0, 0, 0xC0, 0x7F]);
        long before = Tensor.TotalCount;
        Exception?[] errors = new Exception?[4];
        Parallel.For(
            0, errors.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => errors[i] = Record.Exception(() => catalog.Acquire("a", torch.CPU)));
        Assert.All(errors, e => Assert.Contains("holds a NaN", Assert.IsType<InvalidModelException>(e).Message, StringComparison.Ordinal));
        Assert.Contains("holds a NaN", catalog.FailureOf("a"), StringComparison.Ordinal);
        Assert.Empty(catalog.LoadedOf("a"));
        Assert.Equal(before, Tensor.TotalCount);
        File.WriteAllBytes(weights, good);
        catalog.Acquire("a", torch.CPU).Dispose();
        Assert.Null(catalog.FailureOf("a"));
    }

    [Fact]
    public void A_lease_of_a_version_gets_that_version_as_long_as_it_is_loaded()
    {
        using var catalog = new ModelCatalog([_root]);
        string old = catalog.FindVersion("a")!.Hash!;
        catalog.Acquire("a", torch.CPU, old).Dispose();
        Edit("a", weights => weights[^1] ^= 0x80);
        string changed = catalog.FindVersion("a")!.Hash!;
        Assert.NotEqual(old, changed);
        using (
            ModelLease before = catalog.Acquire("a", torch.CPU, old), after = catalog.Acquire("a", torch.CPU, changed), now = catalog.Acquire("a", torch.CPU))
        {
            Assert.Equal((old, changed), (before.Model.Info.Hash!, after.Model.Info.Hash!));
            Assert.Same(after.Model, now.Model);
        }

        catalog.Unload("a");
        var e = Assert.Throws<ModelUnavailableException>(() => catalog.Acquire("a", torch.CPU, old));
        Assert.Equal(Unavailability.Changed, e.Reason);
        Assert.Equal($"The model 'a' was changed: its files are the version {changed[..12]}…, not {old[..12]}….", e.Message);
    }

    [Fact]
    public void The_version_is_known_without_weights_and_covers_the_card()
    {
        long before = Tensor.TotalCount;
        using var catalog = new ModelCatalog([_root]);
        Assert.Null(catalog.Find("a")!.Hash);
        string hash = catalog.FindVersion("a")!.Hash!;
        Assert.Equal(hash, catalog.Find("a")!.Hash);
        Assert.Equal(before, Tensor.TotalCount);
        using (LatentModel loaded = ModelPackage.Load(Folder("a")))
        {
            Assert.Equal(hash, loaded.Info.Hash);
        }

        File.WriteAllText(Path.Combine(Folder("a"), "model.json"), """{"id": "a", "quality": {"roundTripRmse": 0.01}}""");
        string withCard = catalog.FindVersion("a")!.Hash!;
        File.WriteAllText(Path.Combine(Folder("a"), "model.json"), """{"id": "a", "quality": {"roundTripRmse": 0.02}}""");
        Assert.Equal(3, new[] { hash, withCard, catalog.FindVersion("a")!.Hash! }.Distinct().Count());
        using LatentModel brain = ModelPackage.Load(TestData.Brain);
        Assert.Equal(brain.Info.Hash, ModelPackage.ReadInfo(TestData.Brain).Hash);
    }

    [Fact]
    public void Packages_come_and_go_without_a_restart_and_broken_ones_say_why()
    {
        using var catalog = new ModelCatalog([_root, Path.Combine(_root, "none")]);
        Assert.Equal(["a", "b", "c"], catalog.Models.Select(m => m.Id));
        Add("d");
        Directory.Delete(Folder("b"), recursive: true);
        File.WriteAllText(Path.Combine(Folder("c"), "unet", "config.json"), "{");
        File.WriteAllText(Path.Combine(Folder("d"), "model.json"), """{"id": "a"}""");
        Assert.Equal(["a"], catalog.Models.Select(m => m.Id));
        Assert.Equal(
            [("c", "unet/config.json is not valid JSON (line 1)."), ("d", "Another package has the id 'a'.")], catalog.Broken.Select(b => (b.Name, b.Reason)));
        Assert.Null(catalog.Find("b"));
        Assert.Equal("There is no model 'b'.", Assert.Throws<ModelUnavailableException>(() => catalog.Acquire("b", torch.CPU)).Message);
        Assert.Throws<ArgumentException>(() => new ModelCatalog([_root], new ModelOptions { DenoiserType = ScalarType.Float16 }).Acquire("a", torch.CPU));
    }

    [Fact]
    public void A_cache_of_Hugging_Face_is_read_through_its_links()
    {
        string cache = Path.Combine(_root, "hub");
        string repository = Path.Combine(cache, "models--lab--faces");
        string snapshot = Path.Combine(repository, "snapshots", "0123abc");
        Directory.CreateDirectory(Path.Combine(repository, "blobs"));
        Directory.CreateDirectory(Path.Combine(repository, "refs"));
        File.WriteAllText(Path.Combine(repository, "refs", "main"), "0123abc");
        foreach ((string file, int i) in Directory.EnumerateFiles(Folder("b"), "*", SearchOption.AllDirectories).Select((file, i) => (file, i)))
        {
            string link = Path.Combine(snapshot, Path.GetRelativePath(Folder("b"), file));
            Directory.CreateDirectory(Path.GetDirectoryName(link)!);
            File.Move(file, Path.Combine(repository, "blobs", $"{i}"));
            File.CreateSymbolicLink(link, Path.Combine("..", "..", "..", "blobs", $"{i}"));
        }

        using var catalog = new ModelCatalog([cache]);
        Assert.Equal("lab--faces", Assert.Single(catalog.Models).Id);
        catalog.Acquire("lab--faces", torch.CPU).Dispose();

        using var narrow = new ModelCatalog([Path.Combine(repository, "snapshots")]);
        Assert.Empty(narrow.Models);
        Assert.EndsWith(
            "is a link to a place outside the folders of models; links must stay inside them.", Assert.Single(narrow.Broken).Reason,
            StringComparison.Ordinal);
    }

    private static string[] Loaded(ModelCatalog catalog) => [.. catalog.Models.Select(m => m.Id).Where(id => catalog.LoadedOf(id).Count > 0)];

    private string Folder(string id) => Path.Combine(_root, id);

    private void Add(string id) => Directory.Move(PixelPackage.Create(1, 1), Folder(id));

    private void Edit(string id, Action<byte[]> change)
    {
        string path = Path.Combine(Folder(id), "unet", Network.WeightsName);
        byte[] weights = File.ReadAllBytes(path);
        change(weights);
        File.WriteAllBytes(path, weights);
    }
}
