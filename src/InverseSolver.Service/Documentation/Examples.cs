using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Service.Requests;

namespace InverseSolver.Service.Documentation;

/// <summary>A job that runs unchanged, with a measurement of a slice of a head (docs/images/slice.png).</summary>
/// <param name="Number">The number in its id.</param>
/// <param name="Name">The problem's <c>type</c>.</param>
/// <param name="Summary">The problem in words, after its <c>type</c>.</param>
/// <param name="Problem">The problem as JSON.</param>
/// <param name="Sigma">The noise of the measurement.</param>
/// <param name="File">The resource with the measurement.</param>
internal sealed record JobExample(int Number, string Name, string Summary, string Problem, double Sigma, string File)
{
    /// <summary>The id of the job that a service with <c>Jobs:Examples</c> has of it: older than all others.</summary>
    public string Id => $"01900000-0000-7000-8000-{Number:D12}";

    /// <summary>The problem that its measurement was simulated with, where that drew what the measurement's file then holds.</summary>
    public string Drawn { get; init; } = Problem;
}

/// <summary>Requests that run unchanged.</summary>
internal static class Examples
{
    /// <summary>One job for each family of problems: missing pixels, noise, resolution, blur, Fourier, projections, and one that is not linear.</summary>
    public static IReadOnlyList<JobExample> Jobs { get; } =
    [
        new(
            1, "inpainting", "inpainting: 70 % of the pixels are missing",
            """{"type":"inpainting","mask":{"type":"random","fraction":0.7,"seed":1}}""", 0.02, "inpainting.png"),
        new(
            2, "denoising", "denoising: noise of a tenth of the white level",
            """{"type":"denoising"}""", 0.1, "denoising.png"),
        new(
            3, "superResolution", "superResolution: four times as many rows and columns",
            """{"type":"superResolution","factor":4}""", 0.02, "superResolution.png"),
        new(
            4, "gaussianBlur", "gaussianBlur: two pixels of standard deviation",
            """{"type":"gaussianBlur","sigma":2}""", 0.02, "gaussianBlur.png"),
        new(
            5, "mri", "mri: a quarter of the lines of k-space, in an archive with their mask",
            """{"type":"mri","mask":{"type":"file"}}""", 0.02, "mri.npz")
        {
            Drawn = """{"type":"mri","mask":{"type":"random","acceleration":4,"centreFraction":0.08,"seed":1}}""",
        },
        new(
            6, "ct", "ct: 40 projections",
            """{"type":"ct","angles":40}""", 0.1, "ct.npz"),
        new(
            7, "hdr", "hdr: bright pixels are saturated",
            """{"type":"hdr"}""", 0.02, "hdr.png"),
    ];

    /// <summary>A head-like phantom of ellipses: 128 x 128, grey, 8 bits.</summary>
    public static string Phantom { get; } = DataUri.Of("image/png", Read("phantom.png"));

    /// <summary>The request of an example.</summary>
    public static JsonObject Job(JobExample example)
    {
        JsonObject job = Job(JsonNode.Parse(example.Problem)!, example.Sigma);
        job["files"] = new JsonObject
        {
            ["measurement"] = DataUri.Of(example.File.EndsWith(".png", StringComparison.Ordinal) ? "image/png" : "application/zip", Read(example.File)),
        };
        return job;
    }

    /// <summary>A problem of each kind.</summary>
    /// <param name="type">The kind.</param>
    public static JsonObject Problem(string type)
    {
        JsonObject example = JsonNode.Parse(InverseSolver.Reconstruction.Problems.Problem.Kinds.First(kind => kind.Name == type).Example)!.AsObject();
        example.Insert(0, "type", type);
        return example;
    }

    /// <summary>A job around a problem, without its files.</summary>
    /// <param name="type">The problem's kind.</param>
    public static JsonObject Job(string type) => Job(Problem(type), sigma: 0.01);

    /// <summary>A request for a simulated measurement.</summary>
    /// <param name="withFiles">True where it contains the image as a data URI.</param>
    public static JsonObject Simulation(bool withFiles)
    {
        var simulation = new JsonObject { ["problem"] = Problem("mri"), ["sigma"] = 0.01, ["seed"] = 1 };
        if (withFiles)
        {
            simulation["files"] = new JsonObject { ["image"] = Phantom };
        }

        return simulation;
    }

    private static JsonObject Job(JsonNode problem, double sigma) => new()
    {
        ["model"] = "brain-mri-128",
        ["problem"] = problem,
        ["sigma"] = sigma,
        ["solver"] = new JsonObject { ["type"] = "reSample", ["preset"] = "fast" },
        ["seed"] = 1,
    };

    private static byte[] Read(string name)
    {
        using Stream stream = typeof(Examples).Assembly.GetManifestResourceStream(name)!;
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
