using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>Requests that are right, to send or to spoil.</summary>
internal static class Requests
{
    /// <summary>A smooth grey image.</summary>
    public static byte[] Png(int size = 32, int bitDepth = 8) => ImageFile.WritePng(
        new Image(1, size, size, [.. Enumerable.Range(0, size * size).Select(i => 0.5f + 0.4f * MathF.Sin(i / size * 0.2f) * MathF.Cos(i % size * 0.2f))]),
        bitDepth);

    public static string DataUri(byte[] file, string type = "image/png") => $"data:{type};base64,{Convert.ToBase64String(file)}";

    /// <summary>A job of a second or so.</summary>
    public static JsonObject Job(byte[]? measurement = null, int steps = 4) => new()
    {
        ["model"] = "brain-mri-128",
        ["problem"] = new JsonObject { ["type"] = "inpainting", ["mask"] = new JsonObject { ["type"] = "box", ["height"] = 8, ["width"] = 8 } },
        ["sigma"] = 0.01,
        ["solver"] = new JsonObject { ["type"] = "reSample", ["preset"] = "fast", ["parameters"] = new JsonObject { ["steps"] = steps } },
        ["seed"] = 1,
        ["files"] = new JsonObject { ["measurement"] = DataUri(measurement ?? Png()) },
    };

    /// <summary>A job that outlasts every test.</summary>
    public static JsonObject LongJob() => Job(Png(64), steps: 1000);

    public static MultipartFormDataContent Form(JsonObject job, params (string Name, byte[] Bytes)[] files)
    {
        var form = new MultipartFormDataContent { { new StringContent(job.ToJsonString(), Encoding.UTF8, "application/json"), "request" } };
        foreach ((string name, byte[] bytes) in files)
        {
            var part = new ByteArrayContent(bytes);
            part.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            form.Add(part, name, "scan of somebody.png");
        }

        return form;
    }

    public static JsonObject Without(this JsonObject request, string member)
    {
        request.Remove(member);
        return request;
    }
}
