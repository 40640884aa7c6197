using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Service.Requests;

namespace InverseSolver.Service.Documentation;

/// <summary>Requests that run unchanged.</summary>
internal static class Examples
{
    /// <summary>A head-like phantom of ellipses: 128 x 128, grey, 8 bits.</summary>
    public static string Phantom { get; } = ReadPhantom();

    /// <summary>A problem of each kind.</summary>
    /// <param name="type">The kind.</param>
    public static JsonObject Problem(string type)
    {
        JsonObject example = JsonNode.Parse(InverseSolver.Reconstruction.Problems.Problem.Kinds.First(kind => kind.Name == type).Example)!.AsObject();
        example.Insert(0, "type", type);
        return example;
    }

    /// <summary>A job around a problem.</summary>
    /// <param name="type">The problem's kind.</param>
    /// <param name="withFiles">True where it contains the measurement as a data URI.</param>
    public static JsonObject Job(string type, bool withFiles)
    {
        var job = new JsonObject
        {
            ["model"] = "brain-mri-128",
            ["problem"] = Problem(type),
            ["sigma"] = 0.01,
            ["solver"] = new JsonObject { ["type"] = "reSample", ["preset"] = "fast" },
            ["seed"] = 1,
        };
        if (withFiles)
        {
            job["files"] = new JsonObject { ["measurement"] = Phantom };
        }

        return job;
    }

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

    private static string ReadPhantom()
    {
        using Stream stream = typeof(Examples).Assembly.GetManifestResourceStream("phantom.png")!;
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return DataUri.Png(bytes.ToArray());
    }
}
