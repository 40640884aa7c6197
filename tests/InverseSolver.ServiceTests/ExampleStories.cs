using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.Service.Documentation;

namespace InverseSolver.ServiceTests;

/// <summary>The examples of Swagger UI run unmodified in a fresh service, and their results are better than what needs no model.</summary>
public sealed class ExampleStories(ITestOutputHelper output)
{
    private static readonly string Slice = Path.Combine(Repository.Root, "docs", "images", "slice.png");
    private static readonly string Measurements = Path.Combine(Repository.Root, "src", "InverseSolver.Service", "Documentation", "Measurements");

    [Fact]
    public async Task Each_example_gains_at_least_a_decibel_on_the_baselines_of_its_measurement()
    {
        using var service = new Service();
        if (Environment.GetEnvironmentVariable("INVERSESOLVER_WRITE_EXAMPLES") == "1") await MeasureAsync(service);
        Image truth = ImageFile.Read(await File.ReadAllBytesAsync(Slice), new ImageLimits());
        JsonObject document = await service.GetAsync("/swagger/v1/swagger.json");
        JsonObject examples = document["paths"]!["/v1/jobs"]!["post"]!["requestBody"]!["content"]!["application/json"]!["examples"]!.AsObject();
        Assert.Equal(Examples.Jobs.Select(example => example.Name), examples.Select(example => example.Key));
        foreach ((string name, JsonNode? example) in examples)
        {
            JsonObject request = example!["value"]!.DeepClone().AsObject();
            double result = (await TrySolveAsync(request))!.Value, best = double.NegativeInfinity;
            foreach (string baseline in (string[])["adjoint", "leastSquares"])
            {
                JsonObject plain = example["value"]!.DeepClone().AsObject();
                plain["solver"] = new JsonObject { ["type"] = baseline, ["preset"] = "balanced" };
                if (await TrySolveAsync(plain) is { } decibels) best = Math.Max(best, decibels);
            }

            output.WriteLine($"{name}: {result:F2} dB, baseline {best:F2} dB");
            Assert.True(result >= best + 1, $"{name}: {result:F2} dB, baseline {best:F2} dB");
        }

        async Task<double?> TrySolveAsync(JsonObject request)
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs") { Content = JsonContent.Create(request) };
            message.Headers.Add("Prefer", "wait=60");
            using HttpResponseMessage answer = await service.Client.SendAsync(message);
            JsonObject job = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!.AsObject();

            // Least squares takes linear problems only.
            if (answer.StatusCode == HttpStatusCode.UnprocessableEntity && (string?)job["code"] == "invalidInput") return null;
            if (!Service.IsFinal(job)) job = await service.UntilAsync(Service.Id(job));
            Assert.Equal("succeeded", Service.State(job));
            ArrayData image = Npy.Read(await service.Client.GetByteArrayAsync($"/v1/jobs/{Service.Id(job)}/artefacts/result.npy"), 1 << 20);
            Assert.Equal(truth.Values.Length, image.Values.Length);
            return -10 * Math.Log10(image.Values.Zip(truth.Values, (x, y) => (x - y) * (double)(x - y)).Average());
        }
    }

    [Fact]
    public async Task The_ids_that_Swagger_UI_shows_exist_once_in_a_service_that_is_asked_for_them()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("inverse-examples-");
        string[] ids = [.. Examples.Jobs.Select(example => example.Id)];
        try
        {
            using (var service = new Service(folder.FullName, ("Jobs:Examples", "true")))
            {
                JsonObject document = await service.GetAsync("/swagger/v1/swagger.json");
                string[] shown =
                [
                    .. document["paths"]!.AsObject().Where(path => path.Key.StartsWith("/v1/jobs/{id}", StringComparison.Ordinal))
                        .SelectMany(path => path.Value!.AsObject())
                        .Select(operation => (string)operation.Value!["parameters"]!.AsArray().Single(one => (string?)one!["name"] == "id")!["example"]!),
                ];
                Assert.Equal(9, shown.Length);
                foreach (string id in shown.Distinct()) Assert.Equal("succeeded", Service.State(await service.UntilAsync(id)));
                JsonNode first = (await service.GetAsync("/v1/jobs?expand=request"))["items"]!.AsArray().Single(job => (string?)job!["id"] == ids[0])!;
                Assert.Equal(("inpainting", Examples.Jobs[0].Summary), ((string?)first["request"]!["problem"]!["type"], (string?)first["request"]!["name"]));
                using HttpResponseMessage deleted = await service.Client.DeleteAsync($"/v1/jobs/{ids[^1]}");
                Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);

                // One that is submitted is newer than all examples.
                string own = Service.Id(await service.SubmitAsync(Requests.Job()));
                Assert.Equal([own, .. ids[..^1].Reverse()], await IdsAsync(service));
            }

            using var second = new Service(folder.FullName, ("Jobs:Examples", "true"));
            Assert.Equal(ids[..^1].Reverse(), (await IdsAsync(second)).Skip(1));
            using var without = new Service();
            Assert.Empty(await IdsAsync(without));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_service_without_the_model_of_the_examples_starts_and_says_that_it_has_none()
    {
        DirectoryInfo models = Directory.CreateTempSubdirectory("inverse-no-models-");
        using var service = new Service(null, ("Jobs:Examples", "true"), ("Models:Folders:0", models.FullName));
        Assert.Empty(await IdsAsync(service));
        Assert.Contains(
            service.Log, line => line.Contains("The example job mri was not submitted (Jobs:Examples): The model is unknown", StringComparison.Ordinal));
        models.Delete();
    }

    private static async Task<IEnumerable<string>> IdsAsync(Service service) =>
        (await service.GetAsync("/v1/jobs"))["items"]!.AsArray().Select(job => (string)job!["id"]!);

    /// <summary>Writes the measurements of the examples anew.</summary>
    private static async Task MeasureAsync(Service service)
    {
        foreach (JobExample example in Examples.Jobs)
        {
            var request = new JsonObject { ["problem"] = JsonNode.Parse(example.Drawn), ["sigma"] = example.Sigma, ["seed"] = 1 };
            using var form = new MultipartFormDataContent
            {
                { new StringContent(request.ToJsonString(), Encoding.UTF8, "application/json"), "request" },
                { new ByteArrayContent(await File.ReadAllBytesAsync(Slice)), "image", "slice.png" },
            };
            using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/measurements/simulate") { Content = form };
            message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(Path.GetExtension(example.File) == ".png" ? "image/png" : "application/zip"));
            using HttpResponseMessage answer = await service.Client.SendAsync(message);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            await File.WriteAllBytesAsync(Path.Combine(Measurements, example.File), await answer.Content.ReadAsByteArrayAsync());
        }
    }
}
