using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>
/// Writes a small model in the folders of Stable Diffusion 1.x: the golden AutoencoderKL and UNet2DConditionModel, its scheduler's config, and a stored
/// context.
/// </summary>
internal sealed class StableDiffusionPackage : IDisposable
{
    /// <summary>As Stable Diffusion 1.5 has it.</summary>
    public const string Pndm = """
        {"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
        "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null, "clip_sample": false}
        """;

    /// <summary>As Stable Diffusion 2.1 has it.</summary>
    public const string VPrediction = """
        {"_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
        "clip_sample": false, "num_train_timesteps": 1000, "prediction_type": "v_prediction", "set_alpha_to_one": false, "skip_prk_steps": true,
        "steps_offset": 1, "trained_betas": null}
        """;

    public StableDiffusionPackage()
    {
        Folder = Directory.CreateTempSubdirectory("inverse-test-").FullName;
        Network("vae", "autoencoder-kl");
        Network("unet", "unet2d-condition-sd1");
        Scheduler(Pndm);
        File.WriteAllText(Path.Combine(Folder, "model_index.json"), """
            {"_class_name": "StableDiffusionPipeline", "feature_extractor": ["transformers", "CLIPFeatureExtractor"], "safety_checker": [null, null],
            "scheduler": ["diffusers", "PNDMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
            """);
        Contexts("conditioning.safetensors", "embedding", "unconditional");
    }

    public string Folder { get; }

    public string Weights(string network) => Path.Combine(Folder, network, InverseSolver.Diffusion.Networks.Network.WeightsName);

    public void Scheduler(string json)
    {
        Directory.CreateDirectory(Path.Combine(Folder, "scheduler"));
        File.WriteAllText(Path.Combine(Folder, "scheduler", "scheduler_config.json"), json);
    }

    public void Card(string json) => File.WriteAllText(Path.Combine(Folder, "model.json"), json);

    /// <summary>Writes golden contexts, (7, 24) each, under these names.</summary>
    public void Contexts(string file, params string[] names)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(TestData.Golden("unet2d-condition-sd1/golden.safetensors"));
        var builder = new SafetensorsBuilder();
        using Tensor both = golden.Read("encoder_hidden_states");
        float[] values = both.ToFloats();
        for (int i = 0; i < names.Length; i++)
        {
            builder.Add(names[i], "F32", [7, 24], MemoryMarshal.AsBytes(values.AsSpan(i * 168, 168)).ToArray());
        }

        File.WriteAllBytes(Path.Combine(Folder, file), builder.ToBytes());
    }

    /// <summary>Replaces one network's weights by shards of them, in turn, and their index.</summary>
    public static void Split(string weights, int shards, string? variant = null)
    {
        var parts = Enumerable.Range(0, shards).Select(_ => new SafetensorsBuilder()).ToArray();
        var map = new JsonObject();
        long total = 0;
        int i = 0;
        using (SafetensorsFile file = SafetensorsFile.Open(weights))
        {
            foreach (SafetensorsEntry entry in file.Entries.Values)
            {
                var bytes = new byte[entry.Length];
                file.CopyBytes(entry, bytes);
                parts[i % shards].Add(entry.Name, entry.Type, [.. entry.Shape], bytes);
                map[entry.Name] = Shard(i++ % shards);
                total += bytes.Length;
            }
        }

        File.Delete(weights);
        string folder = Path.GetDirectoryName(weights)!;
        for (int k = 0; k < shards; k++)
        {
            File.WriteAllBytes(Path.Combine(folder, Shard(k)), parts[k].ToBytes());
        }

        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = total }, ["weight_map"] = map };
        File.WriteAllText(
            Path.Combine(folder, $"diffusion_pytorch_model.safetensors.index{(variant is null ? "" : "." + variant)}.json"), index.ToJsonString());

        string Shard(int k) => $"diffusion_pytorch_model{(variant is null ? "" : "." + variant)}-{k + 1:00000}-of-{shards:00000}.safetensors";
    }

    /// <summary>The same tensors in another precision.</summary>
    public static byte[] As(string weights, string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using SafetensorsFile file = SafetensorsFile.Open(weights);
        var builder = new SafetensorsBuilder();
        foreach (SafetensorsEntry entry in file.Entries.Values)
        {
            float[] values = file.Read(entry.Name).to(ScalarType.Float32).ToFloats();
            byte[] bytes = type == "F16" ? [.. values.SelectMany(v => BitConverter.GetBytes((Half)v))] : MemoryMarshal.AsBytes<float>(values).ToArray();
            builder.Add(entry.Name, type, [.. entry.Shape], bytes);
        }

        return builder.ToBytes();
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private void Network(string name, string golden)
    {
        Directory.CreateDirectory(Path.Combine(Folder, name));
        foreach (string file in (string[])[InverseSolver.Diffusion.Networks.Network.ConfigName, InverseSolver.Diffusion.Networks.Network.WeightsName])
        {
            File.Copy(Path.Combine(TestData.Golden(golden), file), Path.Combine(Folder, name, file));
        }
    }
}
