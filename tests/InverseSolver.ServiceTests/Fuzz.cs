using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using InverseSolver.Service;
using InverseSolver.Service.Requests;

namespace InverseSolver.ServiceTests;

/// <summary>Mutated requests are answered with an error of the caller's or accepted, never with 500.</summary>
public sealed class Fuzz(Service service) : IClassFixture<Service>
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task Mutated_JSON_never_breaks_the_service() =>
        await AttackAsync(Encoding.UTF8.GetBytes(Requests.Job(Requests.Png(8)).ToJsonString()), "application/json", seed: 1);

    [Fact]
    public async Task Mutated_multipart_never_breaks_the_service()
    {
        using MultipartFormDataContent form = Requests.Form(Requests.Job().Without("files"), ("measurement", Requests.Png(8)));
        await AttackAsync(await form.ReadAsByteArrayAsync(), form.Headers.ContentType!.ToString(), seed: 2);
    }

    [Fact]
    public async Task Mutated_simulations_never_break_the_service() => await AttackAsync(
        Encoding.UTF8.GetBytes(
            $$"""{"problem":{"type":"gaussianBlur","sigma":1},"sigma":0.1,"photons":100,"files":{"image":"{{Requests.DataUri(Requests.Png(8))}}" } }"""),
        "application/json",
        seed: 3,
        "/v1/measurements/simulate");

    [Fact]
    public void Mutated_data_URIs_give_bytes_or_a_caller_s_error()
    {
        var random = new Random(4);
        byte[] whole = Encoding.UTF8.GetBytes(Requests.DataUri(Requests.Png(8)));
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 50_000 && Stopwatch.GetElapsedTime(start) < Time; i++)
        {
            try
            {
                Assert.InRange(DataUri.Parse(Encoding.UTF8.GetString(Mutate(whole, random)), "files.x", 1000).Length, 1, 1000);
            }
            catch (RequestException error)
            {
                Assert.InRange(error.Status, 400, 499);
            }
        }
    }

    private async Task AttackAsync(byte[] whole, string type, int seed, string path = "/v1/jobs")
    {
        var random = new Random(seed);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 1500 && Stopwatch.GetElapsedTime(start) < Time; i++)
        {
            byte[] body = Mutate(whole, random);
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
            using HttpResponseMessage response = await service.Client.PostAsync(path, content);
            Assert.True(response.StatusCode < HttpStatusCode.InternalServerError, $"seed {seed}, round {i}: {await response.Content.ReadAsStringAsync()}");
        }
    }

    /// <summary>A few bytes changed, removed, repeated or cut off.</summary>
    private static byte[] Mutate(byte[] whole, Random random)
    {
        List<byte> bytes = [.. whole];
        for (int change = random.Next(1, 5); change > 0 && bytes.Count > 1; change--)
        {
            // Half of the changes hit the beginning, where the structure is.
            int at = random.Next(random.Next(2) == 0 ? Math.Min(bytes.Count, 400) : bytes.Count);
            int length = Math.Min(random.Next(1, 20), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveRange(at, length); break;
                case 2: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 3: bytes.RemoveRange(at, bytes.Count - at); break;
                case 4: bytes[at] = (byte)"\"{}[]:,0-e.\\\r\n="[random.Next(15)]; break;
                default: bytes[at] ^= (byte)(1 << random.Next(8)); break;
            }
        }

        return [.. bytes];
    }
}
