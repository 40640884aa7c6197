// kiota URL PNG, key in INVERSESOLVER_KEY: a client that Kiota made uploads, waits, reads progress that is null, lists, fetches bytes and follows events.
using System.Security.Cryptography;
using Inverse.Kiota;
using Inverse.Kiota.Models;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Http.HttpClientLibrary;

// Kiota's own provider of keys refuses addresses without TLS.
using HttpClient http = KiotaClientFactory.Create();
http.DefaultRequestHeaders.Add("X-API-Key", Environment.GetEnvironmentVariable("INVERSESOLVER_KEY"));
using var adapter = new HttpClientRequestAdapter(new AnonymousAuthenticationProvider(), httpClient: http) { BaseUrl = args[0] };
var client = new ApiClient(adapter);
string measurement = "data:image/png;base64," + Convert.ToBase64String(File.ReadAllBytes(args[1]));
Job job = (await client.V1.Jobs.PostAsync(new JobRequest
{
    Model = "brain-mri-128",
    Problem = new Inpainting
    {
        Type = Problem_type.Inpainting,
        Mask = new RandomMask { Type = PixelMask_type.Random, Fraction = 0.5, Seed = 1 },
    },
    Sigma = 0.02,
    Seed = 3,
    Solver = new DcdpSolver
    {
        Type = SolverChoice_type.Dcdp,
        Preset = SolverChoice_preset.Fast,
        Parameters = new DcdpParameters { Samples = 1 },
    },
    Files = new JobFiles { Measurement = measurement },
}))!;
Console.WriteLine($"submitted {job.State} {(job.Progress is null ? "without progress" : $"{job.Progress.Step}")}");

// Kiota takes an operation that may answer 204 for one without an answer.
using (Stream stream = (await adapter.SendPrimitiveAsync<Stream>(client.V1.Jobs[job.Id!].Events.ToGetRequestInformation()))!)
using (var lines = new StreamReader(stream))
{
    string text = await lines.ReadToEndAsync();
    Console.WriteLine($"events end with {text.Split('\n').Last(line => line.StartsWith("event: ", StringComparison.Ordinal))}");
}

Job done = (await client.V1.Jobs[job.Id!].GetAsync())!;
Console.WriteLine($"done {done.State} {done.Request!.Problem!.Type} {((RandomMask)((Inpainting)done.Request.Problem).Mask!).Fraction}");
JobPage page = (await client.V1.Jobs.GetAsync(query =>
{
    (query.QueryParameters.Limit, query.QueryParameters.Problem) = (1, ProblemType.Inpainting);
    query.QueryParameters.Expand = [JobPart.Request, JobPart.Result];
}))!;
Console.WriteLine($"listed {page.Items![0].Id == job.Id && page.Items[0].Request is not null && page.Items[0].Result is not null}");
using var bytes = new MemoryStream();
await (await client.V1.Jobs[job.Id!].Artefacts["result.npy"].GetAsync())!.CopyToAsync(bytes);
string sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes.ToArray()));
Console.WriteLine($"bytes {done.Result!.Artefacts!.Single(file => file.Name == "result.npy").Sha256 == sha256}");
try
{
    await client.V1.Jobs.PostAsync(new JobRequest { Model = "none", Problem = new Denoising { Type = Problem_type.Denoising } });
}
catch (ApiError error)
{
    Console.WriteLine($"refused {error.Code} {string.Join(' ', error.Errors!.Select(fault => fault.Field))}");
}

Console.WriteLine($"result {sha256}");
