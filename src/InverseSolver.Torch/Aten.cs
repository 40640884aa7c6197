namespace InverseSolver.Torch;

/// <summary>The operators that the binding calls by itself.</summary>
internal static class Aten
{
    internal static readonly Op
        add = new("aten::add", "Tensor"), add_scalar = new("aten::add", "Scalar"), add_ = new("aten::add_", "Tensor"), add_scalar_ = new("aten::add_", "Scalar"),
        sub = new("aten::sub", "Tensor"), sub_scalar = new("aten::sub", "Scalar"), sub_ = new("aten::sub_", "Tensor"), rsub = new("aten::rsub", "Scalar"),
        mul = new("aten::mul", "Tensor"), mul_scalar = new("aten::mul", "Scalar"), mul_ = new("aten::mul_", "Tensor"), mul_scalar_ = new("aten::mul_", "Scalar"),
        div = new("aten::div", "Tensor"), div_scalar = new("aten::div", "Scalar"), div_ = new("aten::div_", "Tensor"), div_scalar_ = new("aten::div_", "Scalar"),
        addcmul_ = new("aten::addcmul_"), addcdiv_ = new("aten::addcdiv_"),
        neg = new("aten::neg"), abs = new("aten::abs"), square = new("aten::square"), sqrt = new("aten::sqrt"), rsqrt = new("aten::rsqrt"), exp = new("aten::exp"), log = new("aten::log"),
        sin = new("aten::sin"), cos = new("aten::cos"), sigmoid = new("aten::sigmoid"), tanh = new("aten::tanh"), relu = new("aten::relu"), round = new("aten::round"), floor = new("aten::floor"),
        reciprocal = new("aten::reciprocal"), pow = new("aten::pow", "Tensor_Scalar"), clamp = new("aten::clamp"), conj = new("aten::conj"), conj_physical = new("aten::conj_physical"), angle = new("aten::angle"),
        resolve_conj = new("aten::resolve_conj"), sign = new("aten::sign"),
        sum = new("aten::sum"), sum_dim = new("aten::sum", "dim_IntList"), mean = new("aten::mean"), mean_dim = new("aten::mean", "dim"), norm = new("aten::norm", "Scalar"),
        max = new("aten::max"), min = new("aten::min"), amax = new("aten::amax"), amin = new("aten::amin"), argmin = new("aten::argmin"), argmax = new("aten::argmax"),
        cumsum = new("aten::cumsum"), cumprod = new("aten::cumprod"), var = new("aten::var", "dim"), median_dim = new("aten::median", "dim"), all = new("aten::all"), any = new("aten::any"),
        sort = new("aten::sort"), quantile = new("aten::quantile", "scalar"),
        matmul = new("aten::matmul"), mm = new("aten::mm"), bmm = new("aten::bmm"), dot = new("aten::dot"), einsum = new("aten::einsum"), outer = new("aten::outer"),
        real = new("aten::real"), imag = new("aten::imag"), complex = new("aten::complex"), polar = new("aten::polar"), view_as_real = new("aten::view_as_real"), view_as_complex = new("aten::view_as_complex"),
        reshape = new("aten::reshape"), view = new("aten::view"), permute = new("aten::permute"), transpose = new("aten::transpose", "int"), t = new("aten::t"),
        flatten = new("aten::flatten", "using_ints"), unsqueeze = new("aten::unsqueeze"), squeeze = new("aten::squeeze", "dim"), expand = new("aten::expand"), repeat = new("aten::repeat"),
        flip = new("aten::flip"), roll = new("aten::roll"), contiguous = new("aten::contiguous"), clone = new("aten::clone"), narrow = new("aten::narrow"), select = new("aten::select", "int"),
        slice = new("aten::slice", "Tensor"), index_select = new("aten::index_select"), index = new("aten::index", "Tensor"), gather = new("aten::gather"), index_add = new("aten::index_add"),
        scatter = new("aten::scatter", "src"),
        copy_ = new("aten::copy_"), fill_ = new("aten::fill_", "Scalar"), zero_ = new("aten::zero_"), chunk = new("aten::chunk"), split = new("aten::split", "Tensor"),
        detach = new("aten::detach"), requires_grad_ = new("aten::requires_grad_"), alias = new("aten::alias"),
        to_dtype = new("aten::to", "dtype"), to_device = new("aten::to", "device"),
        eq = new("aten::eq", "Tensor"), eq_scalar = new("aten::eq", "Scalar"), ne = new("aten::ne", "Tensor"), ne_scalar = new("aten::ne", "Scalar"), lt = new("aten::lt", "Tensor"), lt_scalar = new("aten::lt", "Scalar"),
        le = new("aten::le", "Tensor"), le_scalar = new("aten::le", "Scalar"), gt = new("aten::gt", "Tensor"), gt_scalar = new("aten::gt", "Scalar"), ge = new("aten::ge", "Tensor"), ge_scalar = new("aten::ge", "Scalar"),
        logical_not = new("aten::logical_not"), logical_and = new("aten::logical_and"), logical_or = new("aten::logical_or"), isfinite = new("aten::isfinite"), isnan = new("aten::isnan"),
        where = new("aten::where", "self"), minimum = new("aten::minimum"), maximum = new("aten::maximum"),
        zeros = new("aten::zeros"), ones = new("aten::ones"), full = new("aten::full"), empty = new("aten::empty", "memory_format"), zeros_like = new("aten::zeros_like"), ones_like = new("aten::ones_like"),
        arange = new("aten::arange", "start_step"), linspace = new("aten::linspace"), eye = new("aten::eye"), randn = new("aten::randn", "generator"), rand = new("aten::rand", "generator"), randperm = new("aten::randperm", "generator"), poisson = new("aten::poisson"),
        cat = new("aten::cat"), stack = new("aten::stack"),
        fft_fft = new("aten::fft_fft"), fft_ifft = new("aten::fft_ifft"), fft_fft2 = new("aten::fft_fft2"), fft_ifft2 = new("aten::fft_ifft2"), fft_rfft2 = new("aten::fft_rfft2"), fft_irfft2 = new("aten::fft_irfft2"),
        fft_fftshift = new("aten::fft_fftshift"), fft_ifftshift = new("aten::fft_ifftshift"),
        linalg_svd = new("aten::linalg_svd"), linalg_eigh = new("aten::linalg_eigh"), linalg_cholesky = new("aten::linalg_cholesky"), linalg_solve = new("aten::linalg_solve"), linalg_vector_norm = new("aten::linalg_vector_norm"), linalg_inv = new("aten::linalg_inv"), linalg_solve_triangular = new("aten::linalg_solve_triangular"),
        conv1d = new("aten::conv1d"), conv2d = new("aten::conv2d"), conv_transpose2d = new("aten::conv_transpose2d", "input"), linear = new("aten::linear"), silu = new("aten::silu"), gelu = new("aten::gelu"), mish = new("aten::mish"),
        softmax = new("aten::softmax", "int"), group_norm = new("aten::group_norm"), layer_norm = new("aten::layer_norm"), embedding = new("aten::embedding"), pad = new("aten::pad"),
        upsample_nearest2d = new("aten::upsample_nearest2d"), avg_pool2d = new("aten::avg_pool2d"), mse_loss = new("aten::mse_loss"), scaled_dot_product_attention = new("aten::scaled_dot_product_attention");
}
