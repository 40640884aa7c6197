using InverseSolver.Diffusion.Networks;
using static InverseSolver.UnitTests.Diffusion.Backends.OnnxBuilder;

namespace InverseSolver.UnitTests.Diffusion.Backends;

/// <summary>A package in pixel space whose denoiser is an ONNX file of the test's; deleted at the end.</summary>
internal sealed class OnnxPackage : IDisposable
{
    private const string Card = """{"id": "pixels", "channels": 1, "sizeMultiple": 4}""";

    public OnnxPackage(byte[] model, string card = Card)
    {
        Directory.CreateDirectory(Path.Combine(Folder, "unet"));
        Directory.CreateDirectory(Path.Combine(Folder, "scheduler"));
        File.WriteAllText(
            Path.Combine(Folder, "scheduler", "scheduler_config.json"),
            """{"_class_name": "DDPMScheduler", "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}""");
        File.WriteAllText(Path.Combine(Folder, "model.json"), card);
        File.WriteAllBytes(Path.Combine(Folder, "unet", "model.onnx"), model);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("inverse-test-").FullName;

    /// <summary>A file beside the model's.</summary>
    public string PathOf(string name) => Path.Combine(Folder, "unet", name);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>out_sample = sample · t as a fraction of <paramref name="type"/>; sizes null where they are open.</summary>
    public static byte[] Times(int type, long? batch = null, long? side = null, int timeType = LongType, bool scalarTime = false, params byte[][] more) =>
        Model(Graph(
    [
        Node("Cast", ["timestep"], ["float"], "", Attribute("to", type)),
        Node("Reshape", ["float", "shape"], ["factor"]),
        Node("Mul", ["sample", "factor"], ["out_sample"]),
        Initializer("shape", LongType, [4], [.. ((long[])[-1, 1, 1, 1]).SelectMany(BitConverter.GetBytes)]),
        Input("sample", type, batch, 1, side, side),
        scalarTime ? Input("timestep", timeType) : Input("timestep", timeType, batch),
        Output("out_sample", type, batch, 1, side, side),
        .. more,
    ]));

    /// <summary>out_sample = sample · weight; whatever is wrong stands in the tensor or in what is added.</summary>
    public static byte[] Weighted(byte[] initializer, params byte[][] more) => Model(Graph(
    [
        Node("Mul", ["sample", "weight"], ["out_sample"]),
        initializer,
        Input("sample", FloatType, null, 1, null, null),
        Input("timestep", LongType, (long?)null),
        Output("out_sample", FloatType, null, 1, null, null),
        .. more,
    ]));

    /// <summary>The tests' own networks as backends run them, written by fixtures/export.py.</summary>
    public static string Fixture(string backend) =>
        Path.Combine(TestData.Root, "tests", "InverseSolver.UnitTests", "Diffusion", "fixtures", "backends", backend);

    /// <summary>A package made of parts of the three; the caller deletes it.</summary>
    public static string Mixed(params (string Backend, string Part)[] parts)
    {
        string folder = Directory.CreateTempSubdirectory("inverse-test-").FullName;
        foreach ((string backend, string part) in parts.Append(("onnx", "scheduler")))
        {
            Directory.CreateDirectory(Path.Combine(folder, part));
            foreach (string file in Directory.EnumerateFiles(Path.Combine(Fixture(backend), part)))
            {
                File.Copy(file, Path.Combine(folder, part, Path.GetFileName(file)), overwrite: Path.GetFileName(file) == Network.ConfigName);
            }
        }

        return folder;
    }
}
