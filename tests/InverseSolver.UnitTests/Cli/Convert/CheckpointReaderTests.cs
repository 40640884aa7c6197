using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using InverseSolver.Cli.Convert;
using InverseSolver.Diffusion;
using InverseSolver.ImagingTests;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Cli.Convert;

/// <summary>The restricted reader of pickles and of their archives: what it reads, and that everything else is refused, in bounded time and memory.</summary>
public sealed class CheckpointReaderTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-pickle-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_view_is_read_in_the_order_of_its_indices()
    {
        // Storage 0, 1, …, 11 as float32; a transposed view of 3x2 that begins at 2 and skips every other column.
        byte[] storage = [.. Enumerable.Range(0, 12).SelectMany(i => BitConverter.GetBytes((float)i))];
        byte[] file = PickleBuilder.Archive(
            new PickleBuilder().Step('}').Step('(').Text("a").Tensor(
                "0", 12, 2, [3, 2], [2, 5]).Text("b").Tensor("0", 12, 0, [], []).Text("n").Step('N').Step('u').ToBytes(),
            ("x/data/0", storage));
        using Checkpoint checkpoint = Open(file);
        Assert.Equal(["a", "b"], checkpoint.Tensors.Keys.Order());
        Assert.Equal([2f, 7, 4, 9, 6, 11], Floats(checkpoint, "a"));
        Assert.Equal([0f], Floats(checkpoint, "b"));
        Assert.Equal(System.Convert.ToHexStringLower(SHA256.HashData(file)), checkpoint.Sha256());
    }

    [Fact]
    public void A_pickle_of_protocol_4_is_read_like_one_of_protocol_2()
    {
        PickleBuilder pickle = new PickleBuilder().Step((char)0x80, 4).Step((char)0x95, [0, 0, 0, 0, 0, 0, 0, 0]).Step('}').Step((char)0x94).Step('(')
            .Step((char)0x8C, [1, (byte)'a']).Step((char)0x94).Step(
                (char)0x8C, [11, .. "collections"u8]).Step((char)0x8C, [11, .. "OrderedDict"u8]).Step((char)0x93).Step(')').Step('R')
            .Step((char)0x8C, [1, (byte)'b']).Step('h', 1).Step('u');
        var read = (PickleDictionary)PickleReader.Read(pickle.ToBytes(), "x.ckpt")!;
        Assert.IsType<PickleDictionary>(read.Items["a"]);
        Assert.Equal("a", read.Items["b"]);
    }

    public static TheoryData<string, string> Names => new()
    {
        { "os", "system" }, { "posix", "system" }, { "nt", "system" }, { "subprocess", "Popen" }, { "builtins", "eval" }, { "builtins", "exec" },
        { "builtins", "getattr" }, { "__builtin__", "apply" },
        { "torch", "load" }, { "torch.storage", "_load_from_bytes" }, { "torch.hub", "load" }, { "numpy", "load" },
        { "numpy.testing._private.utils", "runstring" }, { "functools", "partial" },
        { "pickle", "loads" }, { "importlib", "import_module" }, { "torch.nn.modules.conv", "Conv2d" }, { "omegaconfx", "a" },
        { "torch._utils", "_rebuild_tensor_v3" },
    };

    [Theory, MemberData(nameof(Names))]
    public void A_pickle_that_names_what_could_run_is_refused_by_that_name(string module, string name)
    {
        byte[] pickle = new PickleBuilder().Global(module, name).Step('(').Text("touch run").Step('t').Step('R').ToBytes();
        InvalidModelException refusal = Assert.Throws<InvalidModelException>(() => Open(PickleBuilder.Archive(pickle)));
        Assert.Equal(
            $"a.ckpt: the pickle names '{module}.{name}', which a checkpoint of tensors does not contain. Nothing was called; the file is refused.",
            refusal.Message);
    }

    public static TheoryData<string, byte[]> Damaged => new()
    {
        { "it ends too early", [0x80, 2, (byte)'}'] },
        { "it ends too early", [0x80, 2, (byte)'X', 0xFF, 0xFF, 0xFF, 0x7F] },
        { "it ends too early", [0x80, 4, 0x8D, 0, 0, 0, 0, 0, 0, 0, 0x80] },
        { "it ends too early", [0x80, 2, 0x8B, 0xFF, 0xFF, 0xFF, 0xFF] },
        { "it pops from an empty stack", [0x80, 2, (byte)'.'] },
        { "it pops from an empty stack", [0x80, 2, (byte)'N', (byte)'(', (byte)'0', (byte)'.'] },
        { "it has no mark where one is needed", [0x80, 2, (byte)'t', (byte)'.'] },
        { "it recalls 7, which was never stored", [0x80, 2, (byte)'h', 7, (byte)'.'] },
        { "its protocol is 0; 2 to 5 are read", [0x80, 0] },
        { "it is written in pickle's oldest protocol, which PyTorch does not use", "(dp0\nS'a'\n."u8.ToArray()[2..] },
        { "byte 2 is not a known opcode (0x82)", [0x80, 2, 0x82, 1] },
        { "it appends to an object other than a list", [0x80, 2, (byte)'N', (byte)'N', (byte)'a', (byte)'.'] },
        { "it sets items of an object other than a dictionary", [0x80, 2, (byte)'}', (byte)'(', (byte)'N', (byte)'u', (byte)'.'] },
        { "it refers to an external object other than a storage", [0x80, 2, (byte)'N', (byte)'Q', (byte)'.'] },
        { "it calls an object other than a class", [0x80, 2, (byte)'N', (byte)')', (byte)'R', (byte)'.'] },
        { "a name in it does not end", [0x80, 2, (byte)'c', .. Enumerable.Repeat((byte)'a', 9000)] },
        { "it sets the state of an object that has none", [0x80, 2, (byte)'N', (byte)'N', (byte)'b', (byte)'.'] },
        { "torch.Size has no sizes", new PickleBuilder().Global("torch", "Size").Step('N').Step((char)0x85).Step('R').ToBytes() },
        { "collections.OrderedDict has arguments", new PickleBuilder().Global("collections", "OrderedDict").Step('N').Step((char)0x85).Step('R').ToBytes() },
        {
            "a tensor in it is not described by a storage, an offset, sizes and strides",
            new PickleBuilder().Global("torch._utils", "_rebuild_tensor_v2").Step(')').Step('R').ToBytes()
        },
        {
            "'collections.OrderedDict' is not a storage class",
            new PickleBuilder().Step('(').Text("storage").Global("collections", "OrderedDict").Text("0").Text("cpu").Integer(1).Step('t').Step('Q').ToBytes()
        },
    };

    [Theory, MemberData(nameof(Damaged))]
    public void A_damaged_pickle_is_refused_and_says_where(string what, byte[] pickle) =>
        Assert.Equal($"a.ckpt: the pickle cannot be read: {what}.", Assert.Throws<InvalidModelException>(() => PickleReader.Read(pickle, "a.ckpt")).Message);

    [Fact]
    public void Nesting_costs_no_stack_and_endless_pickles_end()
    {
        // One list in the other, a million deep; the same tuple doubled again and again; and more steps than any checkpoint takes.
        byte[] deep = [0x80, 2, .. Enumerable.Repeat((byte)']', 1_000_000), .. Enumerable.Repeat((byte)'a', 999_999), (byte)'.'];
        Assert.IsType<PickleList>(PickleReader.Read(deep, "a.ckpt"));
        byte[] doubling = [0x80, 2, (byte)'N', .. Enumerable.Repeat<byte[]>([(byte)'2', 0x86], 500_000).SelectMany(pair => pair), (byte)'.'];
        Assert.IsType<object?[]>(PickleReader.Read(doubling, "a.ckpt"));
        byte[] endless = [0x80, 2, .. Enumerable.Repeat((byte)'}', PickleReader.MaxSteps + 1)];
        long before = GC.GetTotalAllocatedBytes();
        Assert.Equal(
            "a.ckpt: the pickle has more than 4000000 steps.", Assert.Throws<InvalidModelException>(() => PickleReader.Read(endless, "a.ckpt")).Message);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 1L << 30);
    }

    [Theory]
    [InlineData(16, 0, new long[] { 16 }, new long[] { 1 }, 60, "its storage should hold 16 elements of F32, but has 60 bytes.")]
    [InlineData(1L << 60, 0, new long[] { 1L << 60 }, new long[] { 1 }, 64, "its storage should hold 1152921504606846976 elements of F32, but has 64 bytes.")]
    [InlineData(16, 0, new long[] { 17 }, new long[] { 1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, 1, new long[] { 16 }, new long[] { 1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, -1, new long[] { 4 }, new long[] { 1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, 15, new long[] { 4 }, new long[] { -1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, 0, new long[] { 4, 4 }, new long[] { 5, 1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, 0, new long[] { 1L << 40 }, new long[] { 0 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, 0, new long[] { 1L << 62, 1L << 62, 4 }, new long[] { 0, 0, 1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(
        16, 0, new long[] { 2, 2 }, new long[] { long.MaxValue, long.MaxValue }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, 0, new long[] { -4 }, new long[] { 1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, 0, new long[] { 4 }, new long[] { 1, 1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    [InlineData(16, long.MaxValue, new long[] { 1 }, new long[] { 1 }, 64, "sizes, strides and offset exceed its storage of 16 elements.")]
    public void A_tensor_that_lies_about_its_storage_is_refused(long elements, long offset, long[] shape, long[] strides, int bytes, string what) =>
        Assert.Equal(
            $"a.ckpt: tensor 'a': {what}",
            Assert.Throws<InvalidModelException>(() => Open(PickleBuilder.ArchiveOf(elements, offset, shape, strides, bytes))).Message);

    [Fact]
    public void A_compressed_archive_is_refused_before_it_is_unpacked()
    {
        byte[] bomb = PickleBuilder.Zip(CompressionLevel.Optimal, ("x/data.pkl", new byte[50_000_000]));
        Assert.InRange(bomb.Length, 1, 100_000);
        Assert.Equal(
            "a.ckpt: the archive cannot be used: its entry 'x/data.pkl' is compressed or encrypted, which torch.save never does.",
            Assert.Throws<InvalidModelException>(() => Open(bomb)).Message);
    }

    [Theory]
    [InlineData("../../etc/passwd"), InlineData("/etc/passwd"), InlineData("x/../../y"), InlineData("x\\y"), InlineData("C:x")]
    public void An_entry_whose_name_leads_elsewhere_is_refused(string name) => Assert.Equal(
        $"a.ckpt: the archive cannot be used: its entry '{name}' has a name that points outside the archive.",
        Assert.Throws<InvalidModelException>(() => Open(PickleBuilder.Archive(new PickleBuilder().Step('}').ToBytes(), (name, [1])))).Message);

    public static TheoryData<string, byte[]> Archives => new()
    {
        { "it holds no data.pkl, so torch.save did not write it", PickleBuilder.Zip(CompressionLevel.NoCompression, ("a.txt", [1])) },
        { "it holds more than one data.pkl", PickleBuilder.Archive([1], ("y/data.pkl", [1])) },
        { "it holds the entry 'x/data.pkl' twice", PickleBuilder.Archive([1], ("x/data.pkl", [1])) },
        { "its numbers are not in little-endian order", PickleBuilder.Archive([1], ("x/byteorder", "big"u8.ToArray())) },
        {
            "it is a TorchScript module, not a checkpoint: a TorchScript denoiser is used as it is (docs/models.md)",
            PickleBuilder.Archive([1], ("x/constants.pkl", [1]))
        },
        {
            "its entry 'data/0' is missing",
            PickleBuilder.Archive(new PickleBuilder().Step('}').Step('(').Text("a").Tensor("0", 1, 0, [1], [1]).Step('u').ToBytes())
        },
        { "its end is missing: the file is truncated", PickleBuilder.ArchiveOf(16, 0, [16], [1], 64)[..^5] },
        {
            "its directory lies outside the file or is larger than any that torch.save writes",
            Changed(PickleBuilder.ArchiveOf(16, 0, [16], [1], 64), -6, 0x7FFFFFF0)
        },
        { "its directory for large files is missing", Changed(PickleBuilder.ArchiveOf(16, 0, [16], [1], 64), -6, uint.MaxValue) },
    };

    [Theory, MemberData(nameof(Archives))]
    public void An_archive_that_torch_does_not_write_is_refused(string what, byte[] file) =>
        Assert.Equal($"a.ckpt: the archive cannot be used: {what}.", Assert.Throws<InvalidModelException>(() => Open(file)).Message);

    /// <remarks>Sizes and places above 4 GiB are in fields of their own, which this archive uses for small ones.</remarks>
    [Fact]
    public void An_archive_as_large_files_have_it_is_read()
    {
        byte[] pickle = new PickleBuilder().Step('}').Step('(').Text("a").Tensor("0", 2, 0, [2], [1]).Step('u').ToBytes();
        using (Checkpoint checkpoint = Open(PickleBuilder.Zip64(("x/data.pkl", pickle), ("x/data/0", [0, 0, 128, 63, 0, 0, 0, 64]))))
        {
            Assert.Equal([1f, 2f], Floats(checkpoint, "a"));
        }

        // More entries than the small directory can count.
        using Checkpoint many = Open(PickleBuilder.Archive(
            pickle, [("x/data/0", new byte[8]), .. Enumerable.Range(1, 70_000).Select(i => ($"x/data/{i}", Array.Empty<byte>()))]));
        Assert.Equal([0f, 0f], Floats(many, "a"));
    }

    [Fact]
    public void A_pickle_of_anything_but_a_dictionary_holds_no_tensors() =>
        Assert.Equal(
            "a.ckpt holds no dictionary of tensors.",
            Assert.Throws<InvalidModelException>(() => Open(PickleBuilder.Archive(new PickleBuilder().Step(']').ToBytes()))).Message);

    /// <remarks>INVERSESOLVER_FUZZ says how many files are tried (500), INVERSESOLVER_FUZZ_SEED which.</remarks>
    [Theory]
    [InlineData("archive"), InlineData("pickle"), InlineData("steps"), InlineData("safetensors")]
    public void A_damaged_checkpoint_is_read_or_refused_and_nothing_else(string kind)
    {
        int count = Setting("INVERSESOLVER_FUZZ", 500), seed = Setting("INVERSESOLVER_FUZZ_SEED", 20_261_121), refused = 0;
        var random = new Random(seed);
        var mutations = new Mutations(seed);
        byte[] pickle = new PickleBuilder().Step('}').Step('(').Text("state_dict").Global("collections", "OrderedDict").Step(')').Step('R').Step('(')
            .Text("a").Tensor("0", 12, 2, [3, 2], [2, 5]).Step('q', 3).Text("b").Tensor(
                "1", 8, 0, [2, 4], [4, 1], "HalfStorage").Step('u').Text("epoch").Integer(3).Step('u').ToBytes();
        (string, byte[])[] data = [("x/data/0", new byte[48]), ("x/data/1", new byte[16]), ("x/version", "3\n"u8.ToArray())];
        byte[] archive = PickleBuilder.Archive(pickle, data), safetensors = new SafetensorsBuilder().Add("a", [1f, 2]).Add("b", [3f]).ToBytes();
        ReadAll(archive);
        for (int i = 0; i < count; i++)
        {
            byte[] file = kind switch
            {
                "archive" => mutations.Next(archive),
                "pickle" => PickleBuilder.Archive(mutations.Next(pickle), data),
                "steps" => PickleBuilder.Archive(RandomSteps(random), data),
                _ => mutations.Next(safetensors),
            };
            try
            {
                ReadAll(file);
            }
            catch (InvalidModelException e)
            {
                Assert.DoesNotContain(_folder.FullName, e.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.InRange(refused, 1, count);
    }

    // Whatever a step does, something lies on the stack for it more often than not.
    private static byte[] RandomSteps(Random random)
    {
        byte[] codes = [.. "}])N(012qhKMGXctldaesuQRb"u8, 0x81, 0x85, 0x86, 0x87, 0x88, 0x8C, 0x8F, 0x90, 0x92, 0x93, 0x94];
        var pickle = new List<byte> { 0x80, 2 };
        for (int i = random.Next(1, 60); i > 0; i--)
        {
            byte code = random.Next(3) == 0 ? (byte)"}])N(K"[random.Next(6)] : codes[random.Next(codes.Length)];
            pickle.Add(code);
            pickle.AddRange(code switch
            {
                (byte)'c' => Encoding.ASCII.GetBytes(random.Next(2) == 0 ? "torch._utils\n_rebuild_tensor_v2\n" : "collections\nOrderedDict\n"),
                (byte)'X' => [1, 0, 0, 0, (byte)'a'],
                0x8C => [1, (byte)'0'],
                (byte)'q' or (byte)'h' or (byte)'K' => [(byte)random.Next(4)],
                (byte)'M' => [1, 0],
                (byte)'G' => new byte[8],
                _ => [],
            });
        }

        return [.. pickle, (byte)'.'];
    }

    private static byte[] Changed(byte[] file, int fromEnd, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(file.Length + fromEnd), value);
        return file;
    }

    private void ReadAll(byte[] file)
    {
        using Checkpoint checkpoint = Open(file);
        foreach (CheckpointTensor tensor in checkpoint.Tensors.Values)
        {
            Assert.Equal(tensor.Bytes, checkpoint.Read(tensor).Length);
        }
    }

    private Checkpoint Open(byte[] file)
    {
        string path = Path.Combine(_folder.FullName, "a.ckpt");
        File.WriteAllBytes(path, file);
        return Checkpoint.Open(path);
    }

    private static float[] Floats(Checkpoint checkpoint, string name) =>
        MemoryMarshal.Cast<byte, float>(checkpoint.Read(checkpoint.Tensors[name])).ToArray();

    private static int Setting(string name, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(name), out int named) ? named : otherwise;
}
