using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion.Networks;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Writes packages with a small random UNet2DModel on pixels: unet/ and scheduler/, nothing else.</summary>
internal static class PixelPackage
{
    /// <summary>A new folder, which the caller deletes.</summary>
    /// <param name="channels">What the UNet takes.</param>
    /// <param name="predicted">What it gives.</param>
    public static string Create(int channels, int predicted)
    {
        string folder = Directory.CreateTempSubdirectory("inverse-test-").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "unet"));
        Directory.CreateDirectory(Path.Combine(folder, "scheduler"));
        string golden = TestData.Golden("unet2d-attn");
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(golden, Network.ConfigName)))!;
        (config["in_channels"], config["out_channels"]) = (channels, predicted);
        File.WriteAllText(Path.Combine(folder, "unet", Network.ConfigName), config.ToJsonString());
        File.WriteAllText(
            Path.Combine(folder, "scheduler", "scheduler_config.json"),
            """{"_class_name": "DDPMScheduler", "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}""");

        // The golden network's tensors but for its first and last channels, with values of our own.
        var random = new Random(3);
        var builder = new SafetensorsBuilder();
        foreach ((string name, JsonNode? entry) in SafetensorsBuilder.From(Path.Combine(golden, Network.WeightsName)).Header)
        {
            long[] shape = [.. entry!["shape"]!.AsArray().Select(n => n!.GetValue<long>())];
            switch (name)
            {
                case "conv_in.weight": shape[1] = channels; break;
                case "conv_out.weight" or "conv_out.bias": shape[0] = predicted; break;
            }

            float[] values = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (float)(random.NextDouble() - 0.5) * 0.3f)];
            builder.Add(name, "F32", shape, MemoryMarshal.AsBytes<float>(values).ToArray());
        }

        File.WriteAllBytes(Path.Combine(folder, "unet", Network.WeightsName), builder.ToBytes());
        return folder;
    }
}
