using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>The service without the program that reads HDF5 and DICOM, as on a machine that has libtorch and nothing else.</summary>
public sealed class ArraysOnlyStories : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-arrays-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_starts_and_solves_jobs_of_npy_files_and_says_what_it_cannot_read()
    {
        string program = Copy();
        using var process = new ServiceProcess(program, Directory.CreateDirectory(Path.Combine(_folder, "data")).FullName, "http://127.0.0.1:0", []);
        using HttpClient client = await process.ClientAsync();
        JsonObject health = (await client.GetFromJsonAsync<JsonObject>("/health/ready"))!;
        Assert.Equal(("ready", "ok"), ((string?)health["status"], (string?)health["checks"]!["imaging"]));

        float[] values = [.. Enumerable.Range(0, 32 * 32).Select(i => 0.5f + 0.4f * MathF.Sin(i / 32 * 0.2f))];
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs")
        {
            Content = JsonContent.Create(Requests.Job(Npy.Write(new ArrayData([1, 32, 32], values)))),
        };
        message.Headers.Add("Prefer", "wait=60");
        using HttpResponseMessage response = await client.SendAsync(message);
        JsonObject job = (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal("succeeded", (string?)job["state"]);
        Assert.Contains("result.png", job["result"]!["artefacts"]!.AsArray().Select(file => (string)file!["name"]!));

        JsonObject request = Requests.Job();
        request["files"]!["measurement"] = Requests.DataUri([0x89, .. "HDF\r\n\x1a\n"u8, .. new byte[100]], "application/x-hdf5");
        using HttpResponseMessage refused = await client.PostAsJsonAsync("/v1/jobs", request);
        JsonObject problem = (await refused.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal(
            (HttpStatusCode.UnprocessableEntity, "files.measurement",
                "It is an HDF5 or DICOM file, and the program that reads those is not installed here; .npy files are read."),
            (refused.StatusCode, (string?)problem["field"], (string?)problem["detail"]));
    }

    private string Copy()
    {
        string from = Path.GetDirectoryName(typeof(Program).Assembly.Location)!, to = Directory.CreateDirectory(Path.Combine(_folder, "program")).FullName;
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "inverse_reader"))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return Path.Combine(to, Path.GetFileName(typeof(Program).Assembly.Location));
    }
}
