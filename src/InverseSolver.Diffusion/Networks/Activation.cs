using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The nonlinearity that a config names.</summary>
internal sealed class Activation
{
    internal static readonly Activation Silu = new("silu");
    private readonly string _name;

    private Activation(string name) => _name = name;

    /// <summary>Reads an option such as act_fn.</summary>
    internal static Activation Read(NetworkConfig config, string option, string fallback) =>
        new(config.OneOf(option, fallback, "silu", "swish", "mish", "gelu", "relu"));

    /// <summary>Reads an option that may be null.</summary>
    internal static Activation? ReadOptional(NetworkConfig config, string option) => config.Has(option) ? Read(config, option, "silu") : null;

    internal Tensor Forward(Tensor x) => _name switch
    {
        "mish" => mish(x),
        "gelu" => gelu(x),
        "relu" => relu(x),
        _ => silu(x),
    };

    /// <summary>Applies it to a tensor that is not used elsewhere: in place where no gradient is needed.</summary>
    internal Tensor Consume(Tensor x)
    {
        if (!x.requires_grad && _name is ("silu" or "swish"))
        {
            return silu_(x);
        }

        Tensor y = Forward(x);
        x.Dispose();
        return y;
    }
}
