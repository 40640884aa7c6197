using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Backends;
using InverseSolver.Diffusion.Packages;
using Xunit;
using static InverseSolver.UnitTests.Diffusion.Backends.OnnxBuilder;

namespace InverseSolver.UnitTests.Diffusion.Backends;

/// <summary>ONNX files that lie, break off or ask for what no network needs: refused before ONNX Runtime sees them.</summary>
[LeavesNoTensors]
public sealed class HostileOnnxTests
{
    private static readonly byte[] Good = Initializer("weight", FloatType, [1], BitConverter.GetBytes(1f));

    [Theory]
    [InlineData(
        "/etc/hostname",
        "unet/model.onnx cannot be used: the tensor 'weight' has its values in '/etc/hostname'; external data must be a plain file in the same folder.")]
    [InlineData(
        "../scheduler/scheduler_config.json",
        "unet/model.onnx cannot be used: the tensor 'weight' has its values in '../scheduler/scheduler_config.json'; "
            + "external data must be a plain file in the same folder.")]
    [InlineData(
        "..\\model.json",
        "unet/model.onnx cannot be used: the tensor 'weight' has its values in '..\\model.json'; external data must be a plain file in the same folder.")]
    [InlineData(
        "sub/data", "unet/model.onnx cannot be used: the tensor 'weight' has its values in 'sub/data'; external data must be a plain file in the same folder.")]
    [InlineData("..", "unet/model.onnx cannot be used: the tensor 'weight' has its values in '..'; external data must be a plain file in the same folder.")]
    [InlineData("", "unet/model.onnx cannot be used: the tensor 'weight' has its values in ''; external data must be a plain file in the same folder.")]
    [InlineData(
        "data\0.bin",
        "unet/model.onnx cannot be used: the tensor 'weight' has its values in 'data?.bin'; external data must be a plain file in the same folder.")]
    [InlineData(
        "model.onnx",
        "unet/model.onnx cannot be used: the tensor 'weight' has its values in 'model.onnx'; external data must be a plain file in the same folder.")]
    [InlineData("link", "unet/model.onnx cannot be used: 'link' is a link; external data must be a plain file in the same folder.")]
    [InlineData("missing", "unet/model.onnx needs 'missing', which is missing or empty.")]
    [InlineData("folder", "unet/model.onnx needs 'folder', which is missing or empty.")]
    [InlineData("empty", "unet/model.onnx needs 'empty', which is missing or empty.")]
    public void External_data_lies_in_plain_files_of_the_same_folder(string location, string message)
    {
        using var package = new OnnxPackage(OnnxPackage.Weighted(External("weight", [1], ("location", location))));
        File.WriteAllBytes(package.PathOf("empty"), []);
        Directory.CreateDirectory(package.PathOf("folder"));
        Directory.CreateDirectory(package.PathOf("sub"));
        File.WriteAllBytes(package.PathOf("sub/data"), new byte[16]);
        File.CreateSymbolicLink(package.PathOf("link"), "/etc/hostname");
        Assert.Equal(message, Refused(package).Message);
    }

    [Theory]
    [InlineData("offset", "13", "the values of the tensor 'weight' reach beyond the end of 'data' (13 + 4 of 16 bytes)")]
    [InlineData("offset", "9223372036854775807", "the values of the tensor 'weight' reach beyond the end of 'data' (9223372036854775807 + 4 of 16 bytes)")]
    [InlineData("offset", "-4", "the offset of the tensor 'weight''s external data is '-4', not a number of bytes")]
    [InlineData("offset", "18446744073709551615", "the offset of the tensor 'weight''s external data is '18446744073709551615', not a number of bytes")]
    [InlineData("length", "8", "the tensor 'weight' has 4 bytes, its external data 8")]
    [InlineData("length", "9223372036854775807", "the tensor 'weight' has 4 bytes, its external data 9223372036854775807")]
    [InlineData("location", "data", "the tensor 'weight' states 'location' of its external data twice")]
    public void External_data_lies_inside_its_file(string key, string value, string message)
    {
        using var package = new OnnxPackage(OnnxPackage.Weighted(External("weight", [1], ("location", "data"), (key, value))));
        File.WriteAllBytes(package.PathOf("data"), new byte[16]);
        Assert.Equal($"unet/model.onnx cannot be used: {message}.", Refused(package).Message);
    }

    [Fact]
    public void External_data_is_found_wherever_a_tensor_may_hide()
    {
        byte[] bad = ExternalTensor("weight", [1], ("location", "/etc/hostname"));
        byte[] subgraph = Graph(Part(5, bad));
        byte[][] attributes =
        [
            [.. Text(1, "value"), .. Part(5, bad)],                 // a tensor
            [.. Text(1, "values"), .. Part(10, bad)],               // one of several
            [.. Text(1, "body"), .. Part(6, subgraph)],             // a graph
            [.. Text(1, "bodies"), .. Part(11, subgraph)],          // one of several
            [.. Text(1, "sparse"), .. Part(22, Part(1, bad))],      // the values of a sparse tensor
            [.. Text(1, "sparse"), .. Part(23, Part(2, bad))],      // the indices of one of several
        ];
        byte[][] models =
        [
            .. attributes.Select(attribute => OnnxPackage.Weighted(Good, Node("Constant", [], ["c"], "", attribute))),
            OnnxPackage.Weighted(Good, Part(15, Part(1, bad))),
            Model(
                Graph(Good),
                Part(25, [.. Text(10, "mine"), .. Node("Constant", [], ["c"], "", attributes[0]).Select((b, i) => i == 0 ? (byte)(7 << 3 | 2) : b)])),
            Model(Graph(Good), Part(25, Part(11, attributes[0]))),
        ];
        Assert.All(models, model =>
        {
            using var package = new OnnxPackage(model);
            Assert.Contains("'/etc/hostname'; external data must be a plain file", Refused(package).Message, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("AA 00", "'/etc/hostname'; external data must be a plain file")]
    [InlineData("AA 80 80 80 00", "'/etc/hostname'; external data must be a plain file")]
    [InlineData("AA 80 80 80 10", "'/etc/hostname'; external data must be a plain file")]
    [InlineData("AA 80 80 80 80 00", "byte 2 does not begin a valid field, number or text of a protocol buffer")]
    public void A_field_behind_a_long_tag_is_read_as_ONNX_Runtime_reads_it(string tag, string message)
    {
        // Field 5 of a graph, an initializer, is 2A; protobuf lets a tag have up to five bytes and drops what goes beyond 32 bits.
        byte[] initializer = External("weight", [1], ("location", "/etc/hostname"));
        Assert.Equal(0x2A, initializer[0]);
        byte[] graph = [.. Convert.FromHexString(tag.Replace(" ", "", StringComparison.Ordinal)), .. initializer[1..]];
        using var package = new OnnxPackage(Part(7, graph));
        Assert.Contains(message, Refused(package).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Lies => new()
    {
        { "shape", "the values of the tensor 'weight' do not fill its shape (1073741824 elements)" },
        { "overflow", "the tensor '' has an impossible size (4611686018427387904)" },
        { "negative", "the tensor '' has an impossible size (-1)" },
        { "type", "the tensor 'weight' has the unknown element type 99" },
        { "unclear", "the tensor 'weight' contradicts itself on whether its values are in another file" },
        { "domain", "it uses operators of the domain 'evil.corp'; only those of ONNX and of ONNX Runtime are supported" },
        {
            "random",
            "it draws random numbers (operator RandomNormalLike), so the same seed would not give the same image; "
                + "export an encoder with its mean or its moments"
        },
        { "compiled", "it holds a compiled graph (operator EPContext)" },
        { "training", "it holds a training graph" },
        { "deep", "its graphs are nested deeper than 16" },
        { "inputs", "it has two inputs 'sample'" },
        { "sequence", "its input or output 's' is not a tensor of a known type" },
        { "nothing", "it has no graph with outputs" },
        { "fields", "it has more than 5000000 fields" },
    };

    [Theory, MemberData(nameof(Lies))]
    public void What_no_network_needs_is_refused_in_a_sentence(string lie, string message)
    {
        byte[] deep = Graph();
        for (int i = 0; i < 20; i++)
        {
            deep = Graph(Node("If", [], [], "", [.. Text(1, "then_branch"), .. Part(6, deep)]));
        }

        byte[] model = lie switch
        {
            "shape" => OnnxPackage.Weighted(Initializer("weight", FloatType, [1 << 30], new byte[4])),
            "overflow" => OnnxPackage.Weighted(Initializer("weight", FloatType, [1L << 62, 1L << 62], new byte[4])),
            "negative" => OnnxPackage.Weighted(Initializer("weight", FloatType, [-1], new byte[4])),
            "type" => OnnxPackage.Weighted(Initializer("weight", 99, [1], new byte[4])),
            "unclear" => OnnxPackage.Weighted(Part(5, Tensor("weight", FloatType, [1], [.. Part(9, new byte[4]), .. Number(14, 1)]))),
            "domain" => OnnxPackage.Weighted(Good, Node("Anything", ["sample"], ["x"], "evil.corp")),
            "random" => OnnxPackage.Weighted(Good, Node("RandomNormalLike", ["sample"], ["x"])),
            "compiled" => OnnxPackage.Weighted(Good, Node("EPContext", ["sample"], ["x"], "com.microsoft")),
            "training" => Model(Graph(Good), Part(20, [])),
            "deep" => Model(deep),
            "inputs" => OnnxPackage.Weighted(Good, Input("sample", FloatType, 1)),
            "sequence" => OnnxPackage.Weighted(Good, Part(11, [.. Text(1, "s"), .. Part(2, Part(4, []))])),
            "nothing" => [],
            _ => [.. Enumerable.Repeat<byte[]>([0x08, 1], 5_000_001).SelectMany(field => field)],
        };
        using var package = new OnnxPackage(model);
        var watch = Stopwatch.StartNew();
        Assert.Equal($"unet/model.onnx cannot be used: {message}.", Refused(package).Message);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 20);
    }

    [Theory]
    [InlineData(4L, 3L, "unet/model.onnx: 'sample' is for batches of 4 only; export it with an open batch, or with one item.")]
    [InlineData(null, 5L, "unet/model.onnx fails on (2, 1, 4, 4): ")]
    public void Inputs_that_do_not_suit_a_network_are_refused(long? batch, long? columns, string message)
    {
        byte[] model = Model(Graph(
            Node("Mul", ["sample", "weight"], ["out_sample"]),
            Initializer("weight", FloatType, [columns!.Value], new byte[4 * columns.Value]),
            Input("sample", FloatType, batch, 1, null, null),
            Input("timestep", LongType, (long?)null),
            Output("out_sample", FloatType, batch, 1, null, null)));
        using var package = new OnnxPackage(model);
        Assert.StartsWith(message, Assert.Throws<InvalidModelException>(() => ModelPackage.Load(package.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_whose_weights_are_no_numbers_or_whose_result_has_another_shape_is_refused_by_its_first_run()
    {
        using var nan = new OnnxPackage(OnnxPackage.Weighted(Initializer("weight", FloatType, [1], BitConverter.GetBytes(float.NaN))));
        Assert.Equal(
            "unet/model.onnx gives values that are not finite numbers.", Assert.Throws<InvalidModelException>(() => ModelPackage.Load(nan.Folder)).Message);
        using var wider = new OnnxPackage(OnnxPackage.Weighted(Initializer("weight", FloatType, [1, 3, 1, 1], new byte[12])));
        Assert.Equal(
            "unet/model.onnx makes (2, 3, 4, 4) of (2, 1, 4, 4); it must be (2, 1, 4, 4).",
            Assert.Throws<InvalidModelException>(() => ModelPackage.Load(wider.Folder)).Message);
    }

    [Fact]
    public void A_file_that_ends_too_early_is_refused_at_every_length()
    {
        byte[] bytes = OnnxPackage.Weighted(Good);
        for (int length = 0; length < bytes.Length; length++)
        {
            using var package = new OnnxPackage(bytes[..length]);
            Refused(package);
        }
    }

    [Fact]
    public void Damaged_files_are_read_or_refused_and_nothing_else()
    {
        byte[] whole = File.ReadAllBytes(Path.Combine(OnnxPackage.Fixture("onnx"), "vae_decoder", "model.onnx"));
        byte[] data = OnnxPackage.Weighted(External("weight", [1], ("location", "data"), ("offset", "0"), ("length", "4")));
        var random = new Random(5);
        int refused = 0;
        using var package = new OnnxPackage(whole);
        File.WriteAllBytes(package.PathOf("data"), new byte[16]);
        for (int i = 0; i < 3000; i++)
        {
            byte[] bytes = (byte[])(i % 2 == 0 ? whole : data).Clone();
            for (int n = random.Next(1, 6); n > 0; n--)
            {
                // Mostly in the first part, where lengths and numbers of fields are.
                int at = random.Next(random.Next(3) == 0 ? bytes.Length : Math.Min(bytes.Length, 2000));
                bytes[at] = random.Next(3) switch
                {
                    0 => (byte)random.Next(256),
                    1 => (byte)(bytes[at] ^ 1 << random.Next(8)),
                    _ => (byte)(random.Next(2) * 255),
                };
            }

            File.WriteAllBytes(package.PathOf("model.onnx"), bytes);
            try
            {
                OnnxFile.Read(package.Folder, "unet");
            }
            catch (InvalidModelException e)
            {
                refused++;
                Assert.DoesNotContain(package.Folder, e.Message, StringComparison.Ordinal);
            }
        }

        Assert.InRange(refused, 500, 3000);
    }

    private static InvalidModelException Refused(OnnxPackage package)
    {
        InvalidModelException error = Assert.Throws<InvalidModelException>(() => ModelPackage.ReadInfo(package.Folder));
        Assert.DoesNotContain(package.Folder, error.Message, StringComparison.Ordinal);
        return error;
    }
}
